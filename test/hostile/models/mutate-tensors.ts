import type { Random } from '../../../src/data/scenes/random.js';
import { GGML_TYPES, type GgmlType, tensorBytes } from '../../../src/formats/gguf/ggml-types.js';
import type { Mutation } from './mutate-keys.js';
import type { RawGguf, RawTensor } from './raw-gguf.js';

const SIZES = [0n, 1n, 2n, 3n, 31n, 255n, 257n, 2n ** 31n, 2n ** 32n, 2n ** 40n, 2n ** 53n, 2n ** 62n, 2n ** 63n, 2n ** 64n - 1n];
const TYPES = Object.keys(GGML_TYPES) as GgmlType[];

const resize: Mutation = (raw, random) => {
  const tensor = random.pick(raw.tensors);
  const axis = random.below(tensor.shape.length);
  const before = tensor.shape[axis] ?? 1n;
  const after = random.pick([...SIZES, before + 1n, before - 1n, before * 2n, before / 2n]);
  tensor.shape[axis] = after;
  return `${label(tensor)}: axis ${axis} of ${before} is ${after}`;
};

const reshape: Mutation = (raw, random) => {
  const tensor = random.pick(raw.tensors);
  const { shape } = tensor;
  const how = random.below(6);
  if (how === 0) shape.reverse();
  else if (how === 1) shape.push(...Array.from({ length: random.pick([1, 2, 3, 5, 300]) }, () => 1n));
  else if (how === 2) shape.unshift(1n);
  else if (how === 3) shape.length = 0;
  else if (how === 4) shape.pop();
  else tensor.shape = [shape.reduce((product, extent) => product * extent, 1n)];
  return `${label(tensor)}: another shape, way ${how}`;
};

const relabelType: Mutation = (raw, random) => {
  const tensor = random.pick(raw.tensors);
  tensor.type = random.pick([random.below(45), random.below(45), 2 ** 31, 2 ** 32 - 1]);
  return `${label(tensor)}: called type ${tensor.type}`;
};

/** Another type with as much data as it needs: what is left to say no is what the type is used for. */
const retype: Mutation = (raw, random) => {
  const count = random.below(4) === 0 ? raw.tensors.length : 1;
  const type = random.pick(TYPES);
  const from = count === 1 ? random.below(raw.tensors.length) : 0;
  for (const tensor of raw.tensors.slice(from, from + count)) {
    const shape = tensor.shape.map(Number);
    const bytes = tensorBytes(type, shape);
    // Of all tensors only matrices: vectors of another type are refused one by one.
    if (bytes === undefined || bytes > 2 ** 24 || (count > 1 && shape.length < 2)) continue;
    tensor.type = GGML_TYPES[type].id;
    tensor.data = noise(random, bytes);
  }
  return `${count === 1 ? label(raw.tensors[from]) : 'every matrix'} of type ${type}`;
};

const moveData: Mutation = (raw, random) => {
  const tensor = random.pick(raw.tensors);
  tensor.offset = random.pick([0n, 1n, 16n, 32n, 4096n, 2n ** 20n, 2n ** 31n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 32n]);
  return `${label(tensor)}: data at ${tensor.offset}`;
};

const removeTensor: Mutation = (raw, random) => {
  const [gone] = raw.tensors.splice(random.below(raw.tensors.length), 1);
  return `without ${label(gone)}`;
};

const repeatTensor: Mutation = (raw, random) => {
  const tensor = random.pick(raw.tensors);
  raw.tensors.push({ ...tensor });
  return `${label(tensor)} twice`;
};

const rename: Mutation = (raw, random) => {
  const tensor = random.pick(raw.tensors);
  const before = label(tensor);
  const name = random.pick(['', 'a\0b', 'x'.repeat(63), 'x'.repeat(64), 'x'.repeat(5000), 'rope_freqs.weight', 'blk.0.attn_q.bias', 'é', 'rope_factors_long.weight']);
  tensor.name = Buffer.from(name);
  return `${before} called ${name.slice(0, 40)}`;
};

const exchange: Mutation = (raw, random) => {
  const [a, b] = random.sample(raw.tensors, 2);
  if (a !== undefined && b !== undefined) [a.name, b.name] = [b.name, a.name];
  return `${label(a)} and ${label(b)} exchanged`;
};

const spoilData: Mutation = (raw, random) => {
  const count = random.below(4) === 0 ? raw.tensors.length : 1;
  const from = count === 1 ? random.below(raw.tensors.length) : 0;
  const byte = random.pick([0, 0xff, 0x7f, 0x80, -1]);
  for (const tensor of raw.tensors.slice(from, from + count)) {
    tensor.data = byte < 0 ? noise(random, tensor.data.length) : Buffer.alloc(tensor.data.length, byte);
  }
  return `data of ${count === 1 ? label(raw.tensors[from]) : 'every tensor'} is ${byte < 0 ? 'noise' : byte}`;
};

const shortenData: Mutation = (raw, random) => {
  const tensor = random.pick(raw.tensors);
  tensor.data = tensor.data.subarray(0, random.below(tensor.data.length));
  return `${label(tensor)}: ${tensor.data.length} bytes of data`;
};

const addMany: Mutation = (raw, random) => {
  const count = random.pick([10, 1000, 70_000]);
  for (let i = 0; i < count; i++) raw.tensors.push({ name: Buffer.from(`x.${i}`), shape: [1n], type: 0, offset: null, data: Buffer.alloc(4) });
  return `${count} more tensors`;
};

export const TENSOR_MUTATIONS: readonly Mutation[] = [
  ...[resize, resize, reshape, relabelType, retype, retype, retype, moveData, removeTensor, repeatTensor, rename, exchange],
  ...[spoilData, spoilData, shortenData, addMany],
];

function label(tensor: RawTensor | undefined): string {
  return tensor?.name.subarray(0, 60).toString('latin1') ?? '';
}

function noise(random: Random, bytes: number): Buffer {
  const words = new Uint32Array(Math.ceil(bytes / 4));
  for (let i = 0; i < words.length; i++) words[i] = random.bits();
  return Buffer.from(words.buffer, 0, bytes);
}

/** A copy that mutations may change; what they replace is not shared. */
export function copyRaw(raw: RawGguf): RawGguf {
  return { ...raw, keys: raw.keys.map((key) => ({ ...key })), tensors: raw.tensors.map((tensor) => ({ ...tensor, shape: [...tensor.shape] })) };
}
