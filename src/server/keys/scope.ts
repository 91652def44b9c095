/**
 * What a key may be made for: `infer` captions, answers, benchmarks and all under /v1; `metrics` reads the figures; `admin` does
 * everything, loading and unloading models too.
 */
export const SCOPES = ['infer', 'metrics', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];
