import { EdgeVlmError } from '../../core/errors.js';
import type { GenerateEvent, GenerateRequest, Generator, ModelDescription, TokenLogprobs } from '../../core/generator.js';
import type { Runtime } from '../../core/runtime.js';
import { ArrivalClock } from '../arrival-clock.js';

/** Every token of every answer, and the only one that there is. */
const TEXT = 'null ';
const CERTAIN = { token: 0, bytes: Buffer.from(TEXT), logprob: 0 };
const STAGES = { queue_ms: 0, tokenise_ms: 0, prepare_ms: 0, encode_ms: 0, prefill_ms: 0, decode_ms: 0, sample_ms: 0 };

/** A runtime that computes nothing: what a measurement of it costs is the harness. */
export const nullRuntime: Runtime = {
  name: 'null',
  description: 'answers at once with as many fixed tokens as are asked for: what the harness itself costs',
  tellsLogits: false,
  check: () => Promise.resolve({ available: true, version: null, detail: 'nothing to install', install: null }),
  open: () =>
    Promise.resolve({
      generator: new NullGenerator(),
      effectivePrecision: 'none',
      load_ms: 0,
      pids: () => [],
      close: () => Promise.resolve(),
    }),
};

class NullGenerator implements Generator {
  readonly description: ModelDescription = {
    ...{ name: 'null', architecture: 'none', precision: 'none', parameters: 0, contextLength: null, vocabularySize: 1 },
    ...{ vision: null, weightBytes: 0, cacheBytes: 0, load_ms: 0, warnings: [] },
  };

  /** Pictures are not looked at. @throws USAGE */
  // eslint-disable-next-line @typescript-eslint/require-await -- there is nothing to wait for
  async *generate(
    { maxTokens, stop = [], logprobs: top }: GenerateRequest,
    signal?: AbortSignal,
  ): AsyncGenerator<GenerateEvent, void, void> {
    const clock = new ArrivalClock();
    const logprobs: TokenLogprobs[] | undefined = top === undefined ? undefined : [{ ...CERTAIN, top: top > 0 ? [CERTAIN] : [] }];
    if (!Number.isInteger(maxTokens) || maxTokens < 1)
      throw new EdgeVlmError('USAGE', `the number of new tokens is ${maxTokens}; expected a whole number from 1`);
    let text = '';
    let finishReason: 'length' | 'stop' | 'cancelled' = 'length';
    while (clock.count < maxTokens) {
      if (signal?.aborted === true) finishReason = 'cancelled';
      else if (stop.some((word) => word !== '' && (text + TEXT).includes(word))) finishReason = 'stop';
      if (finishReason !== 'length') break;
      text += TEXT;
      clock.mark(TEXT);
      yield { type: 'token', token: 0, text: TEXT, ...(logprobs && { logprobs }) };
    }
    const counts = { promptTokens: 0, imageTokens: 0, cachedTokens: 0, completionTokens: clock.count };
    const timings = { ...STAGES, ...clock.timings() };
    const told = logprobs && { logprobs: Array.from({ length: clock.count }, () => logprobs).flat() };
    const { tokenTimes_ms } = clock;
    yield { type: 'done', result: { text, finishReason, ...counts, ...told, timings, tokenTimes_ms, warnings: [] } };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
