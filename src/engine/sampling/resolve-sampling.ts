import { EdgeVlmError } from '../../core/errors.js';
import type { SamplingOptions } from '../../core/generator.js';

/** Sampling options with every default in place. */
export type ResolvedSampling = Required<SamplingOptions>;

const DEFAULTS: ResolvedSampling = {
  temperature: 0,
  topK: 40,
  topP: 0.95,
  minP: 0.05,
  repeatPenalty: 1,
  frequencyPenalty: 0,
  presencePenalty: 0,
  penaltyLastN: 64,
  seed: 0,
};

/** Inclusive bounds. 2³²−1 is left out of the seeds because libllama takes it for "a random one". */
const BOUNDS: Record<keyof SamplingOptions, readonly [number, number]> = {
  temperature: [0, 100],
  topK: [0, 0x7fffffff],
  topP: [0, 1],
  minP: [0, 1],
  repeatPenalty: [0.01, 100],
  frequencyPenalty: [-100, 100],
  presencePenalty: [-100, 100],
  penaltyLastN: [0, 65_536],
  seed: [0, 0xfffffffe],
};
const WHOLE: ReadonlySet<string> = new Set<keyof SamplingOptions>(['topK', 'penaltyLastN', 'seed']);

/** Fills in defaults and refuses what libllama would misread. @throws USAGE */
export function resolveSampling(options: SamplingOptions = {}): ResolvedSampling {
  const resolved = { ...DEFAULTS, ...options };
  for (const [name, [low, high]] of Object.entries(BOUNDS)) {
    const value = resolved[name as keyof SamplingOptions];
    if (!Number.isFinite(value) || value < low || value > high || (WHOLE.has(name) && !Number.isInteger(value))) {
      throw new EdgeVlmError(
        'USAGE',
        `${name} is ${value}; expected ${WHOLE.has(name) ? 'a whole number' : 'a number'} from ${low} to ${high}`,
      );
    }
  }
  return resolved;
}
