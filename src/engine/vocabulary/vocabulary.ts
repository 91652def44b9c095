import { EdgeVlmError } from '../../core/errors.js';
import { loadNative, type Native } from '../ffi/native.js';
import { nativeLog } from '../ffi/native-log.js';
import type { Pointer } from '../ffi/pointer.js';
import { Resource } from '../ggml/resource.js';
import { MAX_TOKEN_BYTES } from './check-vocabulary.js';

export interface TokeniseOptions {
  /** Add what the model wants around a text, such as BOS. */
  readonly addSpecial: boolean;
  /** Read the spelling of control tokens as those tokens. Only for text that we wrote: in a user's text it would be an injection. */
  readonly parseSpecial: boolean;
}

/** A model's tokeniser: libllama's, loaded without the weights. */
export class Vocabulary extends Resource {
  readonly size: number;
  /** Beginning of sequence; negative where the vocabulary has none. */
  readonly bos: number;
  /** End of sequence; negative where the vocabulary has none. */
  readonly eos: number;
  readonly addsBos: boolean;
  /** libllama's own. */
  readonly pointer: Pointer;
  readonly #native: Native;
  readonly #model: Pointer;
  readonly #piece = new Uint8Array(MAX_TOKEN_BYTES);

  /** @throws TOKENIZER_FAILED */
  constructor(path: string) {
    super('vocabulary');
    const native = loadNative();
    const { llama } = native;
    const model = llama.llama_model_load_from_file(path, { ...llama.llama_model_default_params(), vocab_only: true });
    if (model === null) {
      throw new EdgeVlmError('TOKENIZER_FAILED', `${path}: ${failure(nativeLog())}`);
    }
    this.#native = native;
    this.#model = model;
    this.pointer = llama.llama_model_get_vocab(model);
    this.size = llama.llama_vocab_n_tokens(this.pointer);
    this.bos = llama.llama_vocab_bos(this.pointer);
    this.eos = llama.llama_vocab_eos(this.pointer);
    this.addsBos = llama.llama_vocab_get_add_bos(this.pointer);
    // libllama would end the process with the first text that gets them.
    if ((this.addsBos && this.bos < 0) || (llama.llama_vocab_get_add_eos(this.pointer) && this.eos < 0)) {
      this[Symbol.dispose]();
      throw new EdgeVlmError('TOKENIZER_FAILED', `${path}: texts are to begin or end with a token that the vocabulary does not have`);
    }
  }

  /** Token ids of a text. @throws TOKENIZER_FAILED */
  tokenise(text: string, { addSpecial, parseSpecial }: TokeniseOptions): Int32Array {
    this.assertAlive();
    const { llama } = this.#native;
    const bytes = new TextEncoder().encode(text);
    // A token is at least one byte, plus what may be added at both ends and SPM's leading space.
    const tokens = new Int32Array(bytes.length + 4);
    const count = llama.llama_tokenize(this.pointer, bytes, bytes.length, tokens, tokens.length, addSpecial, parseSpecial);
    if (count < 0) throw new EdgeVlmError('TOKENIZER_FAILED', `the text needs ${-count} tokens for ${bytes.length} bytes`);
    return tokens.subarray(0, count);
  }

  /**
   * The bytes a token stands for; they may be part of a character. Control tokens are empty unless `special`, and so are ids that
   * only the embeddings have, whose rows some models round up.
   */
  piece(token: number, special = false): Uint8Array {
    this.assertAlive();
    if (token >= this.size) return new Uint8Array();
    const length = this.#native.llama.llama_token_to_piece(this.pointer, token, this.#piece, MAX_TOKEN_BYTES, 0, special);
    if (length < 0) throw new EdgeVlmError('TOKENIZER_FAILED', `the piece of token ${token} has ${-length} bytes`);
    return this.#piece.slice(0, length);
  }

  /** The token spelt exactly so, or undefined. */
  find(text: string): number | undefined {
    const tokens = this.tokenise(text, { addSpecial: false, parseSpecial: true });
    const [token] = tokens;
    if (token === undefined || tokens.length !== 1) return undefined;
    return this.#native.llama.llama_vocab_get_text(this.pointer, token) === text ? token : undefined;
  }

  /** Whether generation ends with this token. */
  isEnd(token: number): boolean {
    return this.#native.llama.llama_vocab_is_eog(this.pointer, token);
  }

  isControl(token: number): boolean {
    return token < this.size && this.#native.llama.llama_vocab_is_control(this.pointer, token);
  }

  /** How a token is spelt in the file. */
  text(token: number): string {
    return this.#native.llama.llama_vocab_get_text(this.pointer, token);
  }

  protected release(): void {
    this.#native.llama.llama_model_free(this.#model);
  }
}

/** The line of libllama's log that says why a load failed. */
function failure(lines: readonly string[]): string {
  return lines.findLast((line) => /error|fail|unknown|invalid/i.test(line)) ?? 'libllama could not load the vocabulary';
}
