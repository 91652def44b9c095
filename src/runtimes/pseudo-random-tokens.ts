/** Multiplier and increment of a full-period generator modulo 2³² (Numerical Recipes, §7.1). */
const MULTIPLIER = 1_664_525;
const INCREMENT = 1_013_904_223;

/** The same token ids for every runtime, so that none gets easier work. */
export function pseudoRandomTokens(count: number, vocabulary: number, seed = 1): Int32Array {
  let state = seed >>> 0;
  return Int32Array.from({ length: count }, () => {
    state = (Math.imul(state, MULTIPLIER) + INCREMENT) >>> 0;
    return Math.floor((state / 2 ** 32) * vocabulary);
  });
}
