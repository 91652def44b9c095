/** An address in native memory, as koffi hands it over. Zero never occurs: null pointers are `null`. */
export type Pointer = bigint & { readonly __pointer: unique symbol };

/** What a C function may be given for `void*` data: native memory, or JavaScript memory for the length of the call. */
export type Data = Pointer | NodeJS.ArrayBufferView | ArrayBuffer;
