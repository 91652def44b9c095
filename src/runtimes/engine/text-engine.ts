import { EdgeVlmError } from '../../core/errors.js';
import type { DetailedDescription, DetailedEvent, Grammar } from '../../core/generator.js';
import type { DecodingStrategy } from '../../engine/decoding/decoding-strategy.js';
import { Engine } from '../../engine/engine.js';
import type { EngineOptions } from '../../engine/engine-options.js';
import type { EngineResult } from '../../engine/engine-task.js';
import { GrammarConstraint } from '../../engine/grammar/grammar-constraint.js';
import { TokenTrie } from '../../engine/grammar/token-trie.js';
import { compileJsonSchema } from '../../engine/grammar/json-schema/compile-json-schema.js';
import { readGguf } from '../../formats/gguf/read-gguf.js';
import { buildPrompt, type PromptContext } from '../prompt/build-prompt.js';
import { loadPromptContext } from '../prompt/load-prompt-context.js';
import type { PreparedRequest } from '../prompt/prepared-request.js';
import { TextStream } from '../prompt/text-stream.js';

/** The engine with its tokeniser and chat template: text and pictures in, text out. Lives in the engine's own process. */
export class TextEngine implements Disposable {
  #tokens: TokenTrie | undefined;

  private constructor(
    readonly engine: Engine,
    private readonly context: PromptContext,
  ) {}

  /** @throws as `Engine.load`; TOKENIZER_FAILED, TEMPLATE_FAILED */
  static async load(options: EngineOptions): Promise<TextEngine> {
    // The whole file is checked before libllama sees it.
    const file = await readGguf(options.model);
    const engine = await Engine.load(options);
    try {
      const { vision, contextLength } = engine.description;
      const vocabularySize = engine.shape.vocabulary;
      return new TextEngine(engine, loadPromptContext(file, { vision, contextLength, vocabularySize }));
    } catch (thrown) {
      engine[Symbol.dispose]();
      throw thrown;
    }
  }

  get description(): DetailedDescription {
    return this.engine.description;
  }

  /**
   * Streams an answer.
   * @param strategy runs in place of the one that the request names; for measurement
   * @throws CONTEXT_FULL, USAGE, MMPROJ_MISSING, TEMPLATE_FAILED, GRAMMAR_INVALID, GRAMMAR_LIMIT, GRAMMAR_STUCK, SCHEMA_INVALID,
   * SCHEMA_UNSUPPORTED
   */
  async *generate(request: PreparedRequest, signal?: AbortSignal, strategy?: DecodingStrategy): AsyncGenerator<DetailedEvent, void, void> {
    const start = performance.now();
    const { vocabulary } = this.context;
    const { pieces, warnings } = buildPrompt(request.input, this.context);
    const tokenise_ms = performance.now() - start;
    const maxTokens = this.#clampTokens(request.maxTokens, pieces, warnings);

    const constraint = this.#constraint(request.grammar);
    // White space that a grammar asks for is part of the answer.
    const stream = new TextStream(request.stop, 'messages' in request.input && constraint === undefined);
    const stop = new AbortController();
    const task = {
      prompt: pieces,
      maxTokens,
      ...(constraint && { constraint }),
      ...(request.reuse !== undefined && { reuse: request.reuse }),
      ...(request.decoding && { decoding: request.decoding }),
      ...(request.choiceGaps && { choiceGaps: true }),
      ...(strategy && { strategy }),
      isEnd: (token: number) => vocabulary.isEnd(token),
      ...(request.sampling && { sampling: request.sampling }),
    };
    let text = '';
    let result: EngineResult | undefined;
    for await (const event of this.engine.generate(task, signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]))) {
      if (event.type === 'done') {
        result = event.result;
        continue;
      }
      const piece = stream.push(vocabulary.piece(event.token));
      text += piece;
      yield { type: 'token', token: event.token, text: piece };
      if (stream.stopped) stop.abort();
    }
    if (result === undefined) throw new EdgeVlmError('INTERNAL', 'the engine ended without a result');
    text += stream.end();
    const { timings } = result;
    yield {
      type: 'done',
      result: {
        ...result,
        text,
        finishReason: stream.stopped ? 'stop' : result.finishReason,
        warnings: [...warnings, ...result.warnings],
        timings: {
          ...timings,
          tokenise_ms,
          prepare_ms: 0,
          ttft_ms: timings.ttft_ms === 0 ? 0 : timings.ttft_ms + tokenise_ms,
          total_ms: timings.total_ms + tokenise_ms,
        },
      },
    };
  }

  [Symbol.dispose](): void {
    this.engine[Symbol.dispose]();
    this.context.vocabulary[Symbol.dispose]();
  }

  #constraint(grammar: Grammar | undefined): GrammarConstraint | undefined {
    if (grammar === undefined) return undefined;
    // Made once, when it is first needed: it goes through the whole vocabulary.
    this.#tokens ??= new TokenTrie(this.context.vocabulary);
    return new GrammarConstraint('gbnf' in grammar ? grammar.gbnf : compileJsonSchema(grammar.jsonSchema), this.#tokens);
  }

  /** As many tokens as were asked for, or as the context has room for after the prompt. */
  #clampTokens(asked: number, pieces: readonly { type: string; tokens?: Int32Array }[], warnings: string[]): number {
    if (!Number.isInteger(asked) || asked < 1)
      throw new EdgeVlmError('USAGE', `the number of new tokens is ${asked}; expected a whole number from 1`);
    const prompt = pieces.reduce((sum, { tokens }) => sum + (tokens?.length ?? this.engine.tokensPerTile), 0);
    // The last token is only returned, never fed back, so it needs no room.
    const room = this.description.contextLength - prompt + 1;
    if (asked <= room) return asked;
    if (room < 1) throw new EdgeVlmError('CONTEXT_FULL', `the prompt has ${prompt} tokens, the context ${this.description.contextLength}`);
    warnings.push(`only ${room} of ${asked} new tokens fit into the context`);
    return room;
  }
}
