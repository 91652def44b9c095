import type { Mutation } from './mutate-keys.js';

/** Counts, magic and version that are wrong. */
export const changeFront: Mutation = (raw, random) => {
  const how = random.below(5);
  const by = BigInt(random.pick([1, -1, -2, 100, 65_536, 2 ** 20, 2 ** 32, 2 ** 53])) + (random.below(4) === 0 ? 2n ** 63n : 0n);
  if (how === 0) raw.keyCount = BigInt(raw.keys.length) + by;
  else if (how === 1) raw.tensorCount = BigInt(raw.tensors.length) + by;
  else if (how === 2) raw.version = random.pick([0, 1, 2, 4, 255, 2 ** 16, 2 ** 24, 2 ** 25 + 2 ** 24, 2 ** 32 - 1]);
  else if (how === 3) raw.magic = Buffer.from(random.pick(['GGML', 'ggjt', 'FUGG', '\0\0\0\0', 'GGUf', 'PK\x03\x04']), 'latin1');
  else raw.alignment = random.pick([1, 8, 16, 64, 4096]);
  return `front changed in way ${how} by ${by}`;
};
