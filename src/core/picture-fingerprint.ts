/** What is kept of a picture to know one that is nearly the same: too little to see what was in it. */
export interface PictureFingerprint {
  /** Of the picture, pixels. */
  readonly width: number;
  readonly height: number;
  /** Mean colour of every cell of a coarse grid, red, green, blue, row after row. */
  readonly cells: Uint8Array;
}

/**
 * How far two pictures are apart: the largest difference of any cell in any colour, 0 to 255. The largest and not the mean, so that a
 * small thing that moved is not lost among cells that stayed: pictures are compared block by block, as in shot detection (Zhang,
 * Kankanhalli, Smoliar 1993, "Automatic partitioning of full-motion video"), and noise is averaged out within a cell. Infinity for
 * pictures of different sizes.
 */
export function fingerprintDistance(a: PictureFingerprint, b: PictureFingerprint): number {
  if (a.width !== b.width || a.height !== b.height || a.cells.length !== b.cells.length) return Infinity;
  let distance = 0;
  for (let i = 0; i < a.cells.length; i++) distance = Math.max(distance, Math.abs((a.cells[i] ?? 0) - (b.cells[i] ?? 0)));
  return distance;
}
