/** Above this size of both sides the normal approximation is taken, as scipy's `method="auto"` does. */
const EXACT_UP_TO = 8;

/**
 * Two-sided p-value of the Mann-Whitney U test: how often two lists drawn from one distribution would be as far apart as these.
 * It looks at ranks only, so a single wild value decides nothing. Exact where one side has up to 8 values and none is tied, else
 * normal with corrections for ties and continuity: `scipy.stats.mannwhitneyu`. NaN where a side is empty.
 */
export function mannWhitney(a: readonly number[], b: readonly number[]): number {
  const [m, n] = [a.length, b.length];
  if (m === 0 || n === 0) return NaN;
  const { rankSum, ties } = rank(a, b);
  const u = rankSum - (m * (m + 1)) / 2;
  const greater = Math.max(u, m * n - u);
  if (ties.length === 0 && Math.min(m, n) <= EXACT_UP_TO) return Math.min(1, 2 * exactTail(greater, m, n));
  const all = m + n;
  const tied = ties.reduce((sum, t) => sum + t ** 3 - t, 0);
  const deviation = Math.sqrt(((m * n) / 12) * (all + 1 - tied / (all * (all - 1))));
  const z = (greater - (m * n) / 2 - 0.5) / deviation;
  // All values are equal.
  return deviation === 0 ? 1 : Math.min(1, complementaryError(z / Math.SQRT2));
}

/** Sum of the ranks of `a` among both, tied values at their mean rank; and the sizes of the groups of tied values. */
function rank(a: readonly number[], b: readonly number[]): { rankSum: number; ties: number[] } {
  const sorted = [...a.map((value) => ({ value, first: true })), ...b.map((value) => ({ value, first: false }))];
  sorted.sort((x, y) => x.value - y.value);
  const ties: number[] = [];
  let rankSum = 0;
  for (let start = 0, end = 0; start < sorted.length; start = end) {
    while (end < sorted.length && sorted[end]?.value === sorted[start]?.value) end++;
    if (end - start > 1) ties.push(end - start);
    for (const { first } of sorted.slice(start, end)) if (first) rankSum += (start + 1 + end) / 2;
  }
  return { rankSum, ties };
}

/** P[U ≥ u]. How often each U occurs is a coefficient of the Gaussian binomial (m+n over m): ∏ (1 − q^(n+i)) / (1 − q^i), i = 1…m. */
function exactTail(u: number, m: number, n: number): number {
  const counts = new Float64Array(m * n + 1);
  counts[0] = 1;
  for (let i = 1; i <= m; i++) {
    for (let at = counts.length - 1; at >= n + i; at--) counts[at] = (counts[at] ?? 0) - (counts[at - n - i] ?? 0);
    for (let at = i; at < counts.length; at++) counts[at] = (counts[at] ?? 0) + (counts[at - i] ?? 0);
  }
  const sum = (from: number): number => counts.subarray(from).reduce((total, count) => total + count, 0);
  return sum(u) / sum(0);
}

/** erfc by a Chebyshev fit, relative error below 1.2e-7 (Numerical Recipes in C, 2nd edition, section 6.2, `erfcc`). */
function complementaryError(x: number): number {
  const t = 1 / (1 + Math.abs(x) / 2);
  const fit = [
    -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587, -0.82215223, 0.17087277,
  ].reduceRight((sum, coefficient) => coefficient + t * sum, 0);
  const value = t * Math.exp(-x * x + fit);
  return x >= 0 ? value : 2 - value;
}
