import { EdgeVlmError } from '../../core/errors.js';
import type {
  FinishReason,
  GenerateEvent,
  GenerateRequest,
  GenerateResult,
  Generator,
  ModelDescription,
  TokenLogprobs,
} from '../../core/generator.js';
import { ArrivalClock } from '../arrival-clock.js';
import { TextStream } from '../prompt/text-stream.js';
import { errorWords, exchange, parseJson, type ServerAccess } from './http-exchange.js';
import { parseChunk, type OpenAiChunk } from './openai-chunk.js';
import { openAiRequest, type RequestSettings } from './openai-request.js';
import { SseParser } from './sse-parser.js';

/** What the last events of a stream said. */
interface Account {
  finishReason: FinishReason | null;
  usage: OpenAiChunk['usage'];
  timings: OpenAiChunk['timings'];
}

/** A model behind an OpenAI-compatible API. Every piece of text that arrives is one event; most servers send one for each token. */
export class OpenAiGenerator implements Generator {
  constructor(
    readonly description: ModelDescription,
    private readonly access: ServerAccess,
    private readonly settings: RequestSettings,
  ) {}

  /** @throws as `openAiRequest` and `exchange` */
  async *generate(request: GenerateRequest, signal?: AbortSignal): AsyncGenerator<GenerateEvent, void, void> {
    const clock = new ArrivalClock();
    const { path, body, warnings } = openAiRequest(request, this.settings);
    const stream = new TextStream(request.stop, 'messages' in request.input);
    const account: Account = { finishReason: null, usage: null, timings: null };
    const logprobs: TokenLogprobs[] = [];
    const told = request.logprobs !== undefined;
    let text = '';
    try {
      for await (const chunk of this.#chunks(path, body, signal)) {
        account.finishReason = chunk.finishReason ?? account.finishReason;
        account.usage = chunk.usage ?? account.usage;
        account.timings = chunk.timings ?? account.timings;
        const tokens = told ? textTokens(chunk, request.logprobs) : [];
        logprobs.push(...tokens);
        if (chunk.text === '' && tokens.length === 0) continue;
        const piece = stream.push(Buffer.from(chunk.text));
        text += piece;
        clock.mark(piece);
        yield { type: 'token', token: null, text: piece, ...(told && { logprobs: tokens }) };
        if (stream.stopped) break;
      }
      account.finishReason ??= stream.stopped ? 'stop' : null;
      if (account.finishReason === null) throw new EdgeVlmError('SERVER_AWAY', `${this.access.base.host} broke its answer off`);
    } catch (thrown) {
      if (!(thrown instanceof EdgeVlmError && thrown.code === 'CANCELLED')) throw thrown;
      account.finishReason = 'cancelled';
    }
    text += stream.end();
    if (told && logprobs.length === 0 && text !== '') warnings.push('the server does not tell how likely tokens were');
    const result = resultOf({ text, finishReason: account.finishReason, warnings }, account, clock);
    yield { type: 'done', result: told ? { ...result, logprobs } : result };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async *#chunks(path: string, body: object, signal: AbortSignal | undefined): AsyncGenerator<OpenAiChunk, void, void> {
    const { host } = this.access.base;
    throwIfAborted(signal);
    const parser = new SseParser();
    for await (const bytes of exchange(this.access, { path, body, signal })) {
      for (const data of parser.push(bytes)) {
        // Between two pieces that came together.
        throwIfAborted(signal);
        if (data === '[DONE]') return;
        const value = parseJson(data);
        const chunk = parseChunk(value);
        if (chunk === undefined || (typeof value === 'object' && value !== null && 'error' in value)) {
          throw new EdgeVlmError('SERVER_REFUSED', `${host} sends no answer of this API: ${errorWords(value) ?? data.slice(0, 200)}`);
        }
        yield chunk;
      }
    }
  }
}

/** llama-server tells the token that ends an answer, too; it has no text. */
function textTokens({ logprobs }: OpenAiChunk, count: number | undefined): TokenLogprobs[] {
  return (logprobs ?? []).filter(({ bytes }) => bytes.length > 0).map(({ top, ...own }) => ({ ...own, top: top.slice(0, count) }));
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new EdgeVlmError('CANCELLED', 'stopped while generating');
}

/** llama.cpp's account names two stages; encoding pictures is in the first. */
function resultOf(
  { text, finishReason, warnings }: Pick<GenerateResult, 'text' | 'finishReason' | 'warnings'>,
  { usage, timings }: Account,
  clock: ArrivalClock,
): GenerateResult {
  const { prompt_ms = null, predicted_ms = null, cache_n = null, predicted_n = null } = timings ?? {};
  return {
    text,
    finishReason,
    promptTokens: usage?.prompt_tokens ?? null,
    imageTokens: null,
    cachedTokens: usage?.prompt_tokens_details?.cached_tokens ?? cache_n,
    completionTokens: usage?.completion_tokens ?? predicted_n ?? clock.count,
    timings: {
      ...{ queue_ms: null, tokenise_ms: null, prepare_ms: null, encode_ms: null, sample_ms: null },
      prefill_ms: prompt_ms,
      decode_ms: predicted_ms,
      ...clock.timings(),
    },
    tokenTimes_ms: clock.tokenTimes_ms,
    ...(timings !== null && { serverTimings: timings }),
    warnings,
  };
}
