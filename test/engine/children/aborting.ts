import { loadNative } from '../../../src/engine/ffi/native.js';
import { serve } from '../../../src/host/child.js';

/** A process that calls ggml wrongly on purpose; shared with the test. */
export interface AbortingProtocol {
  /** Size of a tensor header, bytes: the libraries work. */
  ready: { request: null; event: never; result: number };
  /** Multiplies matrices whose inner extents differ. ggml answers with an abort. */
  abort: { request: null; event: never; result: null };
}

/** `GGML_TYPE_F32`. */
const F32 = 0;

/* eslint-disable require-yield, @typescript-eslint/require-await -- these requests have a result and no events */
await serve<AbortingProtocol>({
  async *ready() {
    return loadNative().ggml.ggml_tensor_overhead();
  },
  async *abort() {
    const { ggml } = loadNative();
    const context = ggml.ggml_init({ mem_size: 1024 * 1024, mem_buffer: null, no_alloc: true });
    if (context === null) throw new Error('no memory');
    ggml.ggml_mul_mat(context, ggml.ggml_new_tensor_4d(context, F32, 3, 2, 1, 1), ggml.ggml_new_tensor_4d(context, F32, 4, 2, 1, 1));
    return null;
  },
});
