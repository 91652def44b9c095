import { EdgeVlmError } from '../core/errors.js';

/** Inclusive bounds. `GGML_MAX_N_THREADS` is 512; ggml polls in per cent; the rest is far beyond any real use. */
const BOUNDS = {
  threads: [1, 512],
  poll: [0, 100],
  context: [1, 16_777_216],
  sequences: [1, 1024],
  microBatch: [1, 65_536],
  imageCacheBytes: [0, 2 ** 40],
  keptSequences: [0, 1024],
  cacheRamBytes: [0, 2 ** 40],
} as const;

/** ggml's mask has as many places as it takes threads. */
const MAX_CPUS = 512;

type CheckedOptions = { readonly [Name in keyof typeof BOUNDS]?: number | undefined } & { readonly cpus?: readonly number[] };

/** Refuses sizes that native code would fail on. Absent ones are left to their defaults. @throws USAGE */
export function checkEngineOptions(options: CheckedOptions): void {
  for (const [name, [low, high]] of Object.entries(BOUNDS)) {
    const value = options[name as keyof typeof BOUNDS];
    if (value !== undefined && !(Number.isInteger(value) && value >= low && value <= high)) {
      throw new EdgeVlmError('USAGE', `${name} is ${value}; expected a whole number from ${low} to ${high}`);
    }
  }
  const { cpus } = options;
  if (cpus !== undefined && !(cpus.length > 0 && cpus.every((cpu) => Number.isInteger(cpu) && cpu >= 0 && cpu < MAX_CPUS))) {
    throw new EdgeVlmError('USAGE', `cpus is [${cpus.join(', ')}]; expected whole numbers from 0 to ${MAX_CPUS - 1}`);
  }
}
