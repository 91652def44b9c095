import type { DecodingStrategy } from './decoding-strategy.js';
import { PlainDecoding } from './plain/plain-decoding.js';

/** Decoding strategies, by the name used in options and reports. */
export const DECODING_STRATEGIES = ['plain'] as const;
export type DecodingStrategyName = (typeof DECODING_STRATEGIES)[number];

const STRATEGIES: Record<DecodingStrategyName, () => DecodingStrategy> = {
  plain: () => new PlainDecoding(),
};

/** Makes a strategy; it keeps no state between tasks. */
export function createDecodingStrategy(name: DecodingStrategyName): DecodingStrategy {
  return STRATEGIES[name]();
}
