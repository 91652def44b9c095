import type { DecodingOptions, DecodingStatistics } from '../../src/core/decoding.js';
import type { DecodingStrategy } from '../../src/engine/decoding/decoding-strategy.js';
import type { TextEngine } from '../../src/runtimes/engine/text-engine.js';

export interface TimedAnswer {
  readonly text: string;
  /** From the first token to the last. */
  readonly tokensPerSecond: number;
  readonly decoding: DecodingStatistics | null;
}

/** A greedy answer of exactly so many tokens; models with planted chains do not end theirs. @param strategy runs in place of the one named */
export async function timedAnswer(
  engine: TextEngine,
  prompt: string,
  maxTokens: number,
  decoding: DecodingOptions,
  strategy?: DecodingStrategy,
): Promise<TimedAnswer> {
  for await (const event of engine.generate({ input: { prompt }, maxTokens, decoding, reuse: false }, undefined, strategy)) {
    if (event.type !== 'done') continue;
    const { text, completionTokens, timings } = event.result;
    const tokensPerSecond = (1000 * (completionTokens - 1)) / (timings.total_ms - timings.ttft_ms);
    return { text, tokensPerSecond, decoding: event.result.decoding ?? null };
  }
  throw new Error('the engine ended without a result');
}
