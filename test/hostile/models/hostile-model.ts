import { Random } from '../../../src/data/scenes/random.js';
import { damageBytes } from '../damage-bytes.js';
import { changeFront } from './change-front.js';
import { KEY_MUTATIONS, type Mutation } from './mutate-keys.js';
import { copyRaw, TENSOR_MUTATIONS } from './mutate-tensors.js';
import { encodeRawGguf, type RawGguf, sized, u32 } from './raw-gguf.js';
import type { SeedModel } from './seed-models.js';

/** A model that somebody means harm with. */
export interface HostileModel {
  /** The sound model it was made from. */
  readonly seed: string;
  /** What was done to it, in words. */
  readonly what: string;
  readonly model: Buffer;
  readonly mmproj: Buffer | null;
  /** Whether it means the same as its seed: then it must load, and answer the same. */
  readonly harmless: boolean;
}

/** Share of cases whose file is only written in another way. */
const HARMLESS_SHARE = 0.04;
const DAMAGED_SHARE = 0.2;
/** In models of two halves the one with the tower is changed more often: the other is changed in models of one. */
const MMPROJ_SHARE = 0.7;

/** The case of a number: always the same for the same campaign, index and seeds. */
export function hostileModel(seeds: readonly SeedModel[], campaign: number, index: number): HostileModel {
  const random = Random.of(`hostile model ${campaign} ${index}`);
  const seed = random.pick(seeds);
  const inMmproj = seed.mmproj !== null && random.uniform(0, 1) < MMPROJ_SHARE;
  const raw = copyRaw(inMmproj ? seed.mmproj : seed.model);
  const style = random.uniform(0, 1);
  const harmless = style < HARMLESS_SHARE;
  const { bytes, what } = harmless ? rewrite(raw, random) : mutate(raw, random, style < HARMLESS_SHARE + DAMAGED_SHARE);
  const other = (half: RawGguf | null): Buffer | null => (half === null ? null : encodeRawGguf(half));
  return {
    seed: seed.name,
    what: `${inMmproj ? 'vision half' : 'language half'}: ${what}`,
    model: inMmproj ? encodeRawGguf(seed.model) : bytes,
    mmproj: inMmproj ? bytes : other(seed.mmproj),
    harmless,
  };
}

function mutate(raw: RawGguf, random: Random, damaged: boolean): { bytes: Buffer; what: string } {
  if (damaged) {
    const bytes = encodeRawGguf(raw);
    const data = raw.tensors.reduce((sum, tensor) => sum + tensor.data.length, 0);
    return damageBytes(bytes, Math.max(bytes.length - data, 64), random);
  }
  const done: string[] = [];
  // Most faults are met by one change; some need two that fit together.
  for (let left = random.pick([1, 1, 1, 2, 2, 4]); left > 0 && raw.keys.length > 2 && raw.tensors.length > 2; left--) {
    const kind = random.below(20);
    const mutation: Mutation = kind === 0 ? changeFront : random.pick(kind < 14 ? KEY_MUTATIONS : TENSOR_MUTATIONS);
    done.push(mutation(raw, random));
  }
  return { bytes: encodeRawGguf(raw), what: done.join('; ') };
}

/** The same model in another order, at another alignment, with keys that nobody reads, or with bytes behind its end. */
function rewrite(raw: RawGguf, random: Random): { bytes: Buffer; what: string } {
  const how = random.below(4);
  if (how === 0) raw.keys = random.sample(raw.keys, raw.keys.length);
  if (how === 1) raw.tensors = random.sample(raw.tensors, raw.tensors.length);
  if (how === 2) {
    raw.alignment = random.pick([8, 64, 512]);
    raw.keys.push({ name: Buffer.from('general.alignment'), type: 4, value: u32(raw.alignment) });
  }
  if (how === 3) raw.keys.push({ name: Buffer.from('edgevlm.unread'), type: 8, value: sized(Buffer.from('anything')) });
  const bytes = encodeRawGguf(raw);
  return { bytes: how === 3 ? Buffer.concat([bytes, Buffer.alloc(100, 1)]) : bytes, what: `rewritten in way ${how}` };
}
