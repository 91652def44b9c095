/**
 * sfc32 by Chris Doty-Humphrey (PractRand): 128 bits of state, period at least 2³².
 * @param seed an integer from 0 to 2⁵³ − 1
 * @returns draws the next 32 random bits, 0 to 2³² − 1
 */
export function smallFastCounter(seed: number): () => number {
  let a = 0;
  let b = seed >>> 0;
  let c = Math.floor(seed / 2 ** 32) >>> 0;
  let counter = 1;
  const next = (): number => {
    const result = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + result) | 0;
    return result >>> 0;
  };
  // The author's own seeding discards as many.
  for (let round = 0; round < 12; round++) next();
  return next;
}
