import { DECODING_STRATEGIES, EXIT_GATES, VERIFICATIONS, type DecodingOptions } from '../../core/decoding.js';
import { EdgeVlmError } from '../../core/errors.js';
import type { DecoderShape } from '../decoders/decoder.js';

/** Decoding options with every default in place. */
export type ResolvedDecoding = Required<DecodingOptions>;

/** Inclusive bounds. A draft and the token before it are to fit one micro-batch of any size in use. */
const BOUNDS = { draftTokens: [1, 64], ngramMin: [1, 64], ngramMax: [1, 64], draftLayers: [1, 1024] } as const;
/** Where the EdgeVLM paper's 24 layers have their exits. */
const EXIT_PLACES = [8 / 24, 12 / 24, 16 / 24, 20 / 24];
/** `e⁻¹⁰⁰` is nothing. */
const MAX_DECAY = 100;

/** Fills in defaults, those that depend on the model too, and refuses what makes no sense. @throws USAGE */
export function resolveDecoding(options: DecodingOptions, { layers }: Pick<DecoderShape, 'layers'>): ResolvedDecoding {
  const places = EXIT_PLACES.map((share) => Math.round(share * layers));
  const resolved: ResolvedDecoding = {
    strategy: 'plain',
    draftTokens: 4,
    adaptive: true,
    verification: 'match',
    ngramMin: Math.min(2, options.ngramMax ?? 2),
    ngramMax: Math.max(4, options.ngramMin ?? 4),
    draftLayers: Math.max(1, Math.round(layers / 4)),
    exitLayers: [...new Set(places)].filter((layer) => layer >= 1 && layer < layers),
    exitThreshold: 0.9,
    exitGate: 'softmax_max',
    exitDecay: 0,
    ...options,
  };
  oneOf('strategy', resolved.strategy, DECODING_STRATEGIES);
  oneOf('verification', resolved.verification, VERIFICATIONS);
  oneOf('exitGate', resolved.exitGate, EXIT_GATES);
  for (const [name, [low, high]] of Object.entries(BOUNDS)) {
    const value = resolved[name as keyof typeof BOUNDS];
    if (!(Number.isInteger(value) && value >= low && value <= high)) refuse(name, value, `a whole number from ${low} to ${high}`);
  }
  if (resolved.ngramMin > resolved.ngramMax) refuse('ngramMin', resolved.ngramMin, `at most ngramMax, ${resolved.ngramMax}`);
  if (resolved.strategy === 'self-speculative' && resolved.draftLayers >= layers) {
    refuse('draftLayers', resolved.draftLayers, `fewer than the model's ${layers} layers`);
  }
  const { exitLayers, exitDecay } = resolved;
  const rising = exitLayers.every((layer, i) => Number.isInteger(layer) && layer > (exitLayers[i - 1] ?? 0));
  if (!rising) refuse('exitLayers', exitLayers.join(), 'rising whole numbers from 1');
  const thresholds = [resolved.exitThreshold].flat();
  const fits = thresholds.length === 1 || thresholds.length === exitLayers.length;
  if (!fits || !thresholds.every((value) => value >= 0 && value <= 1)) {
    refuse('exitThreshold', thresholds.join(), 'a number from 0 to 1, or one for every exit');
  }
  if (!(exitDecay >= 0 && exitDecay <= MAX_DECAY)) refuse('exitDecay', exitDecay, `a number from 0 to ${MAX_DECAY}`);
  return resolved;
}

function oneOf(name: string, value: string, known: readonly string[]): void {
  if (!known.includes(value)) refuse(name, value, known.join(', '));
}

function refuse(name: string, value: unknown, expected: string): never {
  throw new EdgeVlmError('USAGE', `${name} is ${String(value)}; expected ${expected}`);
}
