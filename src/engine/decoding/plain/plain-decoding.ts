import type { DecodingStrategy, DecodingTask } from '../decoding-strategy.js';

/** One token per pass: what every other strategy is measured against. */
export class PlainDecoding implements DecodingStrategy {
  readonly lossy = null;
  readonly warnings = [];

  async *run({ target, promptLogits, sampler, maxTokens, isEnd, counters }: DecodingTask): AsyncGenerator<number, 'stop' | 'length'> {
    let logits = promptLogits;
    for (let count = 0; ;) {
      const token = sampler.sample(logits);
      if (isEnd(token)) return 'stop';
      sampler.accept(token);
      yield token;
      if (++count >= maxTokens) return 'length';
      counters.passes++;
      logits = await target.decode(Int32Array.of(token), 'last');
    }
  }
}
