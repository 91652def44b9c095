/** A key with its value as bytes, so that it can be written wrongly. */
export interface RawKey {
  name: Buffer;
  /** Number of the value's type in the file. */
  type: number;
  /** What follows the type. */
  value: Buffer;
  /** Whether the value is no longer what its type says. */
  broken?: true;
}

export interface RawTensor {
  name: Buffer;
  shape: bigint[];
  /** ggml's number. */
  type: number;
  /** Where its data is said to begin; null where it does. */
  offset: bigint | null;
  data: Buffer;
}

/** A GGUF file taken apart without a look at what it means; unlike what `writeGguf` takes, its parts may contradict each other. */
export interface RawGguf {
  magic: Buffer;
  version: number;
  /** Null for the true count. */
  tensorCount: bigint | null;
  keyCount: bigint | null;
  keys: RawKey[];
  tensors: RawTensor[];
  alignment: number;
}

const ARRAY = 9;
const STRING = 8;
/** Bytes of a scalar by its type's number. */
const SCALAR_BYTES: Readonly<Record<number, number>> = { 0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8 };

/** Takes a valid file apart. */
export function parseRawGguf(bytes: Buffer, tensors: readonly { readonly fileOffset: number; readonly bytes: number }[]): RawGguf {
  let at = 8;
  const u32 = (): number => bytes.readUInt32LE((at += 4) - 4);
  const u64 = (): bigint => bytes.readBigUInt64LE((at += 8) - 8);
  const take = (length: number): Buffer => bytes.subarray(at, (at += length));
  const text = (): Buffer => take(Number(u64()));
  const skip = (type: number): void => {
    if (type === STRING) text();
    else take(SCALAR_BYTES[type] ?? 0);
  };
  const value = (type: number): Buffer => {
    const from = at;
    if (type === ARRAY) {
      const of = u32();
      for (let left = Number(u64()); left > 0; left--) skip(of);
    } else {
      skip(type);
    }
    return bytes.subarray(from, at);
  };
  const tensorCount = Number(u64());
  const keyCount = Number(u64());
  const keys = Array.from({ length: keyCount }, (): RawKey => {
    const name = text();
    const type = u32();
    return { name, type, value: value(type) };
  });
  return {
    magic: bytes.subarray(0, 4),
    version: bytes.readUInt32LE(4),
    tensorCount: null,
    keyCount: null,
    keys,
    alignment: 32,
    tensors: Array.from({ length: tensorCount }, (_, index): RawTensor => {
      const name = text();
      const shape = Array.from({ length: u32() }, u64);
      const type = u32();
      u64();
      const { fileOffset = 0, bytes: length = 0 } = tensors[index] ?? {};
      return { name, shape, type, offset: null, data: bytes.subarray(fileOffset, fileOffset + length) };
    }),
  };
}

/** Puts a file together as it says. */
export function encodeRawGguf(raw: RawGguf): Buffer {
  const { magic, version, keys, tensors, alignment } = raw;
  const padding = (length: number): Buffer => Buffer.alloc((alignment - (length % alignment)) % alignment);
  const parts = [magic, u32(version), u64(raw.tensorCount ?? BigInt(tensors.length)), u64(raw.keyCount ?? BigInt(keys.length))];
  for (const { name, type, value } of keys) parts.push(sized(name), u32(type), value);
  let offset = 0n;
  for (const tensor of tensors) {
    parts.push(sized(tensor.name), u32(tensor.shape.length), ...tensor.shape.map(u64), u32(tensor.type), u64(tensor.offset ?? offset));
    offset += BigInt(tensor.data.length + padding(tensor.data.length).length);
  }
  parts.push(padding(parts.reduce((sum, { length }) => sum + length, 0)));
  for (const { data } of tensors) parts.push(data, padding(data.length));
  return Buffer.concat(parts);
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}

export function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
  return bytes;
}

/** A string of the format: its length, then its bytes. */
export function sized(bytes: Buffer): Buffer {
  return Buffer.concat([u64(BigInt(bytes.length)), bytes]);
}
