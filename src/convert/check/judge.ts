import type { RowComparison } from './compare-rows.js';

/** `ties`: where the choices differ, the peer finds both tokens as good as equal. */
export type CheckVerdict = 'equal' | 'ties' | 'different';

/** Two tokens whose logits lie this close have chances that differ by 1%: rounding decides between them. */
const TIE = 0.01;
/**
 * Part of the spread of a step's logits. The kernels are the same, so only the order of sums may differ: measured 1e-7 to 1e-3. A
 * wrong norm, rotation or weight moves logits by a tenth and more.
 */
const TOLERANCE = 0.01;

/** What a comparison says about the engine. */
export function judge(rows: readonly RowComparison[]): CheckVerdict {
  const isClose = rows.length > 0 && rows.every(({ delta, spread }) => delta <= TOLERANCE * spread);
  const differing = rows.filter(({ ours, theirs }) => ours !== theirs);
  if (!isClose || differing.some(({ margin }) => !(margin <= TIE))) return 'different';
  return differing.length === 0 ? 'equal' : 'ties';
}
