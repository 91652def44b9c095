import { EdgeVlmError } from '../core/errors.js';

/** Inclusive bounds. `GGML_MAX_N_THREADS` is 512; ggml polls in per cent; the rest is far beyond any real use. */
const BOUNDS = { threads: [1, 512], poll: [0, 100], context: [1, 16_777_216], microBatch: [1, 65_536] } as const;

/** Refuses sizes that native code would fail on. Absent ones are left to their defaults. @throws USAGE */
export function checkEngineOptions(options: { readonly [Name in keyof typeof BOUNDS]?: number | undefined }): void {
  for (const [name, [low, high]] of Object.entries(BOUNDS)) {
    const value = options[name as keyof typeof BOUNDS];
    if (value !== undefined && !(Number.isInteger(value) && value >= low && value <= high)) {
      throw new EdgeVlmError('USAGE', `${name} is ${value}; expected a whole number from ${low} to ${high}`);
    }
  }
}
