/**
 * By how many standard deviations counts are worse than chance, given what was expected: χ² on a scale of N(0, 1), by the cube-root
 * transformation of Wilson and Hilferty 1931. Infinity where something came that cannot come.
 */
export function zScore(counts: readonly number[], expected: readonly number[]): number {
  let [chi, cells] = [0, 0];
  for (const [i, count] of counts.entries()) {
    const of = expected[i] ?? 0;
    if (of === 0 && count > 0) return Infinity;
    if (of === 0) continue;
    chi += (count - of) ** 2 / of;
    cells++;
  }
  const degrees = cells - 1;
  const spread = 2 / (9 * degrees);
  return (Math.cbrt(chi / degrees) - (1 - spread)) / Math.sqrt(spread);
}
