import type { DecodingStrategyName } from '../../core/decoding.js';
import type { DecodingStrategy } from './decoding-strategy.js';
import { EarlyExitDecoding } from './early-exit/early-exit-decoding.js';
import { NgramDecoding } from './ngram/ngram-decoding.js';
import { PlainDecoding } from './plain/plain-decoding.js';
import type { ResolvedDecoding } from './resolve-decoding.js';
import { SelfSpeculativeDecoding } from './self-speculative/self-speculative-decoding.js';
import { SpeculativeDecoding } from './speculative/speculative-decoding.js';

const STRATEGIES: Record<DecodingStrategyName, (options: ResolvedDecoding, layers: number) => DecodingStrategy> = {
  plain: () => new PlainDecoding(),
  speculative: () => new SpeculativeDecoding(),
  ngram: ({ ngramMin: min, ngramMax: max }) => new NgramDecoding({ min, max }),
  'self-speculative': ({ draftLayers }) => new SelfSpeculativeDecoding(draftLayers),
  'early-exit': ({ exitLayers, exitThreshold, exitGate, exitDecay }, layers) => {
    const thresholds = [exitThreshold].flat();
    const exits = exitLayers.map((layer, i) => ({ layer, threshold: thresholds[i] ?? thresholds[0] ?? 1 }));
    return new EarlyExitDecoding({
      exits: exits.filter(({ layer }) => layer < layers),
      gate: exitGate,
      decay: exitDecay,
      ignored: exitLayers.filter((layer) => layer >= layers),
    });
  },
};

/** Makes a strategy for a model of so many layers; it keeps no state between tasks. */
export function createDecodingStrategy(options: ResolvedDecoding, layers: number): DecodingStrategy {
  return STRATEGIES[options.strategy](options, layers);
}
