import type { SpeculationCosts } from './decoding.js';

/**
 * How much faster than without guesses `count` of them are: E[τ]·T(1) / (draft + T(n + 1)), where E[τ] = (1 − αⁿ⁺¹) / (1 − α) tokens
 * come of one pass (Leviathan et al. 2023). NaN where the cost is not known.
 * @param acceptance α, share of guesses that are right, of those whose predecessors all were
 */
export function speculationSpeedup(acceptance: number, count: number, { draft_ms, verify_ms }: SpeculationCosts): number {
  const tokens = acceptance === 1 ? count + 1 : (1 - acceptance ** (count + 1)) / (1 - acceptance);
  return (tokens * (verify_ms[0] ?? NaN)) / ((draft_ms[count] ?? NaN) + (verify_ms[count] ?? NaN));
}
