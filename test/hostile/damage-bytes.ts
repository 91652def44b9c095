import type { Random } from '../../src/data/scenes/random.js';

/** Damage that knows nothing of the format. The front is hit more often than its share. @param front its length, bytes */
export function damageBytes(bytes: Buffer, front: number, random: Random): { bytes: Buffer; what: string } {
  if (bytes.length === 0) return { bytes, what: 'nothing left' };
  const somewhere = (): number => random.below(random.below(4) === 0 ? bytes.length : front);
  const at = somewhere();
  const how = random.below(8);
  const copy = Buffer.from(bytes);
  switch (how) {
    case 0:
    case 1:
      for (let times = random.below(8); times >= 0; times--) {
        const bit = somewhere();
        copy[bit] = (copy[bit] ?? 0) ^ (1 << random.below(8));
      }
      return { bytes: copy, what: 'bits flipped' };
    case 2:
      for (let times = random.below(8); times >= 0; times--) copy[somewhere()] = random.below(256);
      return { bytes: copy, what: 'bytes changed' };
    case 3:
      copy.fill(random.pick([0, 0xff, 0x7f, 0x80]), at, Math.min(copy.length, at + random.pick([1, 2, 4, 8, 64])));
      return { bytes: copy, what: `filled at ${at}` };
    case 4:
      return { bytes: bytes.subarray(0, random.below(5) === 0 ? random.below(64) : at), what: 'cut off' };
    case 5:
      return { bytes: Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(32))]), what: `bytes removed at ${at}` };
    case 6:
      return {
        bytes: Buffer.concat([bytes.subarray(0, at), bytes.subarray(0, random.below(64)), bytes.subarray(at)]),
        what: `bytes put in at ${at}`,
      };
    default:
      bytes.copy(copy, at, somewhere(), somewhere() + 64);
      return { bytes: copy, what: `copied onto ${at}` };
  }
}
