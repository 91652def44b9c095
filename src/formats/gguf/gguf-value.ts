/**
 * The scalar types of GGUF metadata by their number in the file.
 * Source: `enum gguf_type` in `ggml/include/gguf.h`; 9 is the array type.
 */
export const SCALAR_TYPES = {
  u8: 0,
  i8: 1,
  u16: 2,
  i16: 3,
  u32: 4,
  i32: 5,
  f32: 6,
  bool: 7,
  string: 8,
  u64: 10,
  i64: 11,
  f64: 12,
} as const;
export const ARRAY_TYPE = 9;

export type GgufScalarType = keyof typeof SCALAR_TYPES;

/** Which JavaScript array holds the elements of a numeric array. */
export const NUMBER_ARRAYS = {
  u8: Uint8Array,
  i8: Int8Array,
  u16: Uint16Array,
  i16: Int16Array,
  u32: Uint32Array,
  i32: Int32Array,
  f32: Float32Array,
  u64: BigUint64Array,
  i64: BigInt64Array,
  f64: Float64Array,
} as const;

export type GgufNumberType = keyof typeof NUMBER_ARRAYS;
type SmallNumberType = Exclude<GgufNumberType, 'u64' | 'i64'>;

/** A metadata value with its type in the file, so that what is read can be written again unchanged. */
export type GgufValue =
  | { readonly type: SmallNumberType; readonly value: number }
  | { readonly type: 'u64' | 'i64'; readonly value: bigint }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'array'; readonly of: 'string'; readonly value: readonly string[] }
  | { readonly type: 'array'; readonly of: 'bool'; readonly value: readonly boolean[] }
  | { readonly type: 'array'; readonly of: 'u64' | 'i64'; readonly value: BigUint64Array | BigInt64Array }
  | { readonly type: 'array'; readonly of: SmallNumberType; readonly value: NumberArray };

export type NumberArray = Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array | Float32Array | Float64Array;

const SCALAR_BY_ID: ReadonlyMap<number, GgufScalarType> = new Map(
  Object.entries(SCALAR_TYPES).map(([name, id]) => [id, name as GgufScalarType]),
);

export function scalarTypeOf(id: number): GgufScalarType | undefined {
  return SCALAR_BY_ID.get(id);
}
