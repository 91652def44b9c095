/** How one element type is stored: `blockSize` consecutive elements of a row share `blockBytes` bytes. */
interface TypeLayout {
  /** The number a GGUF file and libggml use. */
  readonly id: number;
  readonly blockSize: number;
  readonly blockBytes: number;
}

/**
 * The element types of the pinned ggml, read from `ggml_type_name`, `ggml_blck_size` and `ggml_type_size`
 * (`ggml/src/ggml.c`). Ids missing here (4, 5, 31-33, 36-38) were removed from ggml.
 */
export const GGML_TYPES = {
  f32: { id: 0, blockSize: 1, blockBytes: 4 },
  f16: { id: 1, blockSize: 1, blockBytes: 2 },
  q4_0: { id: 2, blockSize: 32, blockBytes: 18 },
  q4_1: { id: 3, blockSize: 32, blockBytes: 20 },
  q5_0: { id: 6, blockSize: 32, blockBytes: 22 },
  q5_1: { id: 7, blockSize: 32, blockBytes: 24 },
  q8_0: { id: 8, blockSize: 32, blockBytes: 34 },
  q8_1: { id: 9, blockSize: 32, blockBytes: 36 },
  q2_K: { id: 10, blockSize: 256, blockBytes: 84 },
  q3_K: { id: 11, blockSize: 256, blockBytes: 110 },
  q4_K: { id: 12, blockSize: 256, blockBytes: 144 },
  q5_K: { id: 13, blockSize: 256, blockBytes: 176 },
  q6_K: { id: 14, blockSize: 256, blockBytes: 210 },
  q8_K: { id: 15, blockSize: 256, blockBytes: 292 },
  iq2_xxs: { id: 16, blockSize: 256, blockBytes: 66 },
  iq2_xs: { id: 17, blockSize: 256, blockBytes: 74 },
  iq3_xxs: { id: 18, blockSize: 256, blockBytes: 98 },
  iq1_s: { id: 19, blockSize: 256, blockBytes: 50 },
  iq4_nl: { id: 20, blockSize: 32, blockBytes: 18 },
  iq3_s: { id: 21, blockSize: 256, blockBytes: 110 },
  iq2_s: { id: 22, blockSize: 256, blockBytes: 82 },
  iq4_xs: { id: 23, blockSize: 256, blockBytes: 136 },
  i8: { id: 24, blockSize: 1, blockBytes: 1 },
  i16: { id: 25, blockSize: 1, blockBytes: 2 },
  i32: { id: 26, blockSize: 1, blockBytes: 4 },
  i64: { id: 27, blockSize: 1, blockBytes: 8 },
  f64: { id: 28, blockSize: 1, blockBytes: 8 },
  iq1_m: { id: 29, blockSize: 256, blockBytes: 56 },
  bf16: { id: 30, blockSize: 1, blockBytes: 2 },
  tq1_0: { id: 34, blockSize: 256, blockBytes: 54 },
  tq2_0: { id: 35, blockSize: 256, blockBytes: 66 },
  mxfp4: { id: 39, blockSize: 32, blockBytes: 17 },
  nvfp4: { id: 40, blockSize: 64, blockBytes: 36 },
  q1_0: { id: 41, blockSize: 128, blockBytes: 18 },
  q2_0: { id: 42, blockSize: 64, blockBytes: 18 },
} as const satisfies Record<string, TypeLayout>;

export type GgmlType = keyof typeof GGML_TYPES;

const TYPE_BY_ID: ReadonlyMap<number, GgmlType> = new Map(
  Object.entries(GGML_TYPES).map(([name, layout]) => [layout.id, name as GgmlType]),
);

/** The type with ggml's number `id`, or undefined where this release of ggml has none. */
export function ggmlTypeOf(id: number): GgmlType | undefined {
  return TYPE_BY_ID.get(id);
}

/**
 * Bytes of a contiguous tensor.
 * @param shape ggml order (`ne[0]` first, the row length). Sizes must be positive integers.
 * @returns undefined where a row is not a whole number of blocks or the size is no safe integer.
 */
export function tensorBytes(type: GgmlType, shape: readonly number[]): number | undefined {
  const { blockSize, blockBytes } = GGML_TYPES[type];
  const [row = 1, ...rest] = shape;
  if (row % blockSize !== 0) return undefined;
  let bytes = (row / blockSize) * blockBytes;
  // Checked at every factor: a product that has once left the safe range may come back into it by rounding.
  for (const size of rest) {
    if (!Number.isSafeInteger(bytes)) return undefined;
    bytes *= size;
  }
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
