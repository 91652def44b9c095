import type { DecodingOptions } from '../../src/core/decoding.js';
import type { DecodingStrategy } from '../../src/engine/decoding/decoding-strategy.js';
import type { Engine } from '../../src/engine/engine.js';
import type { EngineResult } from '../../src/engine/engine-task.js';

export interface TimedTokens {
  readonly tokens: readonly number[];
  /** From the first token to the last. */
  readonly tokensPerSecond: number;
  readonly result: EngineResult;
}

/** A greedy answer of exactly so many tokens. @param strategy runs in place of the one that is named */
export async function timedTokens(
  engine: Engine,
  prompt: Int32Array,
  maxTokens: number,
  decoding: DecodingOptions,
  strategy?: DecodingStrategy,
): Promise<TimedTokens> {
  const tokens: number[] = [];
  const task = { prompt: [{ type: 'tokens', tokens: prompt } as const], maxTokens, decoding, reuse: false, isEnd: () => false };
  for await (const event of engine.generate({ ...task, ...(strategy && { strategy }) })) {
    if (event.type === 'token') {
      tokens.push(event.token);
      continue;
    }
    const { total_ms, ttft_ms } = event.result.timings;
    return { tokens, tokensPerSecond: (1000 * (tokens.length - 1)) / (total_ms - ttft_ms), result: event.result };
  }
  throw new Error('the engine ended without a result');
}
