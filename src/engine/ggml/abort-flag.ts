import type { Native } from '../ffi/native.js';
import { NativeMemory } from '../ffi/native-memory.js';
import type { Pointer } from '../ffi/pointer.js';

/** Offset of `ne[0]` in `struct ggml_tensor`: type (4, padded to 8), buffer (8). */
const NE_OFFSET = 16;
/** More than `sizeof(struct ggml_tensor)` of any release so far (336). */
const TENSOR_BYTES = 512;

/**
 * Stops a running graph from JavaScript without JavaScript in the loop. ggml asks its abort callback between nodes;
 * the callback is ggml's own `ggml_is_empty`, given a made-up tensor of ours that turns "empty" when raised.
 */
export class AbortFlag implements Disposable {
  /** `ggml_abort_callback`. */
  readonly callback: Pointer;
  /** Its user data. */
  readonly data: Pointer;
  readonly #memory = new NativeMemory(TENSOR_BYTES);
  readonly #ne0: BigInt64Array;

  constructor(native: Native) {
    this.callback = native.isEmptyAddress;
    this.data = this.#memory.pointer;
    const ne = new BigInt64Array(this.#memory.buffer, NE_OFFSET, 4);
    ne.fill(1n);
    this.#ne0 = ne.subarray(0, 1);
  }

  get raised(): boolean {
    return this.#ne0[0] === 0n;
  }

  raise(): void {
    this.#ne0[0] = 0n;
  }

  lower(): void {
    this.#ne0[0] = 1n;
  }

  [Symbol.dispose](): void {
    this.#memory[Symbol.dispose]();
  }
}
