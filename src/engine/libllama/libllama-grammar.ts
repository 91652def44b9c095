import { EdgeVlmError } from '../../core/errors.js';
import { loadNative, type Native } from '../ffi/native.js';
import type { Pointer } from '../ffi/pointer.js';
import { Resource } from '../ggml/resource.js';
import { Candidates } from '../sampling/candidates.js';
import type { TokenConstraint } from '../sampling/token-constraint.js';
import type { Vocabulary } from '../vocabulary/vocabulary.js';
import { ROOT } from '../grammar/gbnf.js';

/**
 * libllama's grammar sampler: the peer that `GrammarConstraint` is checked against. It throws through C at tokens that it refuses, and
 * what an ambiguous grammar costs it doubles with every character of a token, without a bound; so it is not what answers are held with.
 */
export class LibllamaGrammar extends Resource implements TokenConstraint {
  readonly #candidates: Candidates;
  readonly #one = new Float32Array(1);

  private constructor(
    private readonly vocabulary: Vocabulary,
    private readonly llama: Native['llama'],
    private readonly grammar: Pointer,
  ) {
    super('grammar', [vocabulary]);
    this.#candidates = new Candidates(vocabulary.size);
  }

  /** @param gbnf was checked by `checkGrammar` @throws GRAMMAR_LIMIT when libllama refuses it */
  static create(vocabulary: Vocabulary, gbnf: string): LibllamaGrammar {
    vocabulary.assertAlive();
    const { llama } = loadNative();
    const grammar = llama.llama_sampler_init_grammar(vocabulary.pointer, gbnf, ROOT);
    if (grammar === null) throw new EdgeVlmError('GRAMMAR_LIMIT', 'libllama refuses the grammar');
    return new LibllamaGrammar(vocabulary, llama, grammar);
  }

  allows(token: number): boolean {
    if (token < 0 || token >= this.vocabulary.size) return false;
    this.#apply(this.#one.fill(0), token);
    return this.#candidates.logit(0) !== -Infinity;
  }

  mask(logits: Float32Array): boolean {
    this.#apply(logits.subarray(0, this.vocabulary.size));
    let any = false;
    for (let token = 0; token < logits.length; token++) {
      const logit = token < this.vocabulary.size ? this.#candidates.logit(token) : -Infinity;
      logits[token] = logit;
      any ||= logit !== -Infinity;
    }
    return any;
  }

  accept(token: number): void {
    // A token that it refuses would end the process.
    if (!this.allows(token)) throw new EdgeVlmError('INTERNAL', `the grammar does not allow token ${token}`);
    this.llama.llama_sampler_accept(this.grammar, token);
  }

  protected release(): void {
    this.llama.llama_sampler_free(this.grammar);
    this.#candidates[Symbol.dispose]();
  }

  #apply(logits: Float32Array, first = 0): void {
    this.assertAlive();
    this.#candidates.fill(logits, first);
    this.llama.llama_sampler_apply(this.grammar, this.#candidates.pointer);
  }
}
