/**
 * What a GGUF file may ask of its reader. Model files come from strangers: every length in one is a request for memory
 * or time, so each has a bound far above what real models need and far below what would hurt.
 */

/** Newest versions only: v1 used 32-bit counts and no published model does any more. */
export const GGUF_VERSIONS: readonly number[] = [2, 3];
/** Keys, values and tensor descriptions together. A 256k-token vocabulary with merges takes about 15 MB. */
export const MAX_METADATA_BYTES = 128 * 2 ** 20;
/** Real files have 20 to 100 keys. */
export const MAX_KV = 4096;
/** The specification's own bound for a key. */
export const MAX_KEY_BYTES = 2 ** 16 - 1;
/** The longest real strings are embedded `tokenizer.json` files, about 20 MB. */
export const MAX_STRING_BYTES = 64 * 2 ** 20;
/** The longest real arrays are merges and vocabularies, under half a million entries. */
export const MAX_ARRAY_LENGTH = 8 * 2 ** 20;
/** A 61-layer mixture-of-experts model has about 1,100 tensors; unmerged experts reach some 30,000. */
export const MAX_TENSORS = 2 ** 16;
/** ggml's `GGML_MAX_NAME` is 64 with the closing zero. */
export const MAX_TENSOR_NAME_BYTES = 63;
/** ggml's `GGML_MAX_DIMS`. */
export const MAX_DIMS = 4;
/** The specification's default, and what every writer uses. */
export const DEFAULT_ALIGNMENT = 32;
/** A memory page of the largest common kind; more would only pad. */
export const MAX_ALIGNMENT = 2 ** 16;
