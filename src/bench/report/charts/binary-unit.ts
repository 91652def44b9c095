/** The binary unit that the largest of some sizes is printed in: an axis in it has round ends. */
export function binaryUnitOf(sizes: readonly number[]): number {
  const largest = sizes.reduce((most, size) => Math.max(most, size), 1);
  return 1024 ** Math.floor(Math.log2(largest) / 10);
}
