import { EdgeVlmError } from '../../core/errors.js';
import {
  type DetailedDescription,
  type DetailedEvent,
  type Grammar,
  MAX_LOGPROBS,
  type TokenChance,
  type TokenLogprobs,
} from '../../core/generator.js';
import type { ScoredAnswer, ScoreRequest } from '../../core/runtime.js';
import { TeacherForced } from '../../engine/calibration/teacher-forced.js';
import type { DecodingStrategy } from '../../engine/decoding/decoding-strategy.js';
import { PlainDecoding } from '../../engine/decoding/plain/plain-decoding.js';
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
import type { RankedToken, TokenChances } from '../../engine/sampling/logprob-sampler.js';
import { CertainTokens } from '../prompt/certain-tokens.js';
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
    const contextShift = request.contextShift ?? this.engine.contextShift;
    const maxTokens = this.#clampTokens(request.maxTokens, pieces, contextShift, warnings);

    const constraint = this.#constraint(request.grammar);
    // White space that a grammar asks for is part of the answer.
    const stream = new TextStream(request.stop, 'messages' in request.input && constraint === undefined);
    const stop = new AbortController();
    const task = {
      prompt: pieces,
      maxTokens,
      contextShift,
      ...(constraint && { constraint }),
      ...(request.reuse !== undefined && { reuse: request.reuse }),
      ...(request.decoding && { decoding: request.decoding }),
      ...(request.choiceGaps && { choiceGaps: true }),
      ...(request.logprobs !== undefined && { logprobs: checkLogprobs(request.logprobs) }),
      ...(strategy && { strategy }),
      isEnd: (token: number) => vocabulary.isEnd(token),
      ...(request.sampling && { sampling: request.sampling }),
    };
    let text = '';
    let result: EngineResult | undefined;
    const waiting = new CertainTokens<TokenLogprobs>(stream);
    const logprobs: TokenLogprobs[] = [];
    for await (const event of this.engine.generate(task, signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]))) {
      if (event.type === 'done') {
        result = event.result;
        continue;
      }
      const { token, chances } = event;
      if (chances !== undefined && !stream.stopped) waiting.add(this.#tokenLogprobs(token, chances));
      const piece = stream.push(vocabulary.piece(token));
      text += piece;
      const certain = waiting.take();
      logprobs.push(...certain);
      yield { type: 'token', token, text: piece, ...(chances && { logprobs: certain }) };
      if (stream.stopped) stop.abort();
    }
    if (result === undefined) throw new EdgeVlmError('INTERNAL', 'the engine ended without a result');
    text += stream.end();
    logprobs.push(...waiting.end());
    const { timings } = result;
    yield {
      type: 'done',
      result: {
        ...result,
        text,
        finishReason: stream.stopped ? 'stop' : result.finishReason,
        ...(request.logprobs !== undefined && { logprobs }),
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

  /** Leads the model along an answer. @throws as `generate`; CANCELLED */
  async score(
    { input, tokens }: Pick<PreparedRequest, 'input'> & Pick<ScoreRequest, 'tokens'>,
    signal?: AbortSignal,
  ): Promise<ScoredAnswer> {
    const logits: Float32Array[] = [];
    const forced = new TeacherForced(new PlainDecoding(), Int32Array.from(tokens), (_, one) => logits.push(one.slice()));
    const request = { input, maxTokens: tokens.length + 1, decoding: { strategy: 'plain' }, reuse: false } as const;
    for await (const event of this.generate(request, signal, forced)) {
      if (event.type !== 'done') continue;
      if (event.result.finishReason === 'cancelled') throw new EdgeVlmError('CANCELLED', 'stopped while scoring');
      return { promptTokens: event.result.promptTokens, logits };
    }
    throw new EdgeVlmError('INTERNAL', 'the engine ended without a result');
  }

  [Symbol.dispose](): void {
    this.engine[Symbol.dispose]();
    this.context.vocabulary[Symbol.dispose]();
  }

  #tokenLogprobs(token: number, { logprob, top }: TokenChances): TokenLogprobs {
    const { vocabulary } = this.context;
    // Control tokens have no text in an answer, but a name among those that it could have gone on with.
    const named = (ranked: RankedToken): TokenChance => ({ ...ranked, bytes: vocabulary.piece(ranked.token, true) });
    return { token, logprob, bytes: vocabulary.piece(token), top: top.map(named) };
  }

  #constraint(grammar: Grammar | undefined): GrammarConstraint | undefined {
    if (grammar === undefined) return undefined;
    // Made once, when it is first needed: it goes through the whole vocabulary.
    this.#tokens ??= new TokenTrie(this.context.vocabulary);
    return new GrammarConstraint('gbnf' in grammar ? grammar.gbnf : compileJsonSchema(grammar.jsonSchema), this.#tokens);
  }

  /** As many tokens as were asked for, or, where it may not shift, as the context has room for after the prompt. */
  #clampTokens(asked: number, pieces: readonly { type: string; tokens?: Int32Array }[], contextShift: boolean, warnings: string[]): number {
    if (!Number.isInteger(asked) || asked < 1)
      throw new EdgeVlmError('USAGE', `the number of new tokens is ${asked}; expected a whole number from 1`);
    const prompt = pieces.reduce((sum, { tokens }) => sum + (tokens?.length ?? this.engine.tokensPerTile), 0);
    // The last token is only returned, never fed back, so it needs no room.
    const room = this.description.contextLength - prompt + 1;
    if (asked <= room) return asked;
    if (room < 1) throw new EdgeVlmError('CONTEXT_FULL', `the prompt has ${prompt} tokens, the context ${this.description.contextLength}`);
    if (contextShift) return asked;
    warnings.push(`only ${room} of ${asked} new tokens fit into the context`);
    return room;
  }
}

/** @throws USAGE */
function checkLogprobs(count: number): number {
  if (Number.isInteger(count) && count >= 0 && count <= MAX_LOGPROBS) return count;
  throw new EdgeVlmError('USAGE', `logprobs is ${count}; expected a whole number from 0 to ${MAX_LOGPROBS}`);
}
