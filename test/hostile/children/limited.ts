import { CpuBackend } from '../../../src/engine/ggml/cpu-backend.js';
import { limitMemory } from '../../../src/engine/ffi/limit-memory.js';
import { serve } from '../../../src/host/child.js';

/** A process that asks for memory beyond what it may take; shared with the test. */
export interface LimitedProtocol {
  limit: { request: { readonly bytes: number }; event: never; result: null };
  /** Whether ggml gave so much. It is never touched. */
  allocate: { request: { readonly bytes: number }; event: never; result: boolean };
}

const backend = new CpuBackend({ threads: 1 });

/* eslint-disable require-yield, @typescript-eslint/require-await -- these requests have a result and no events */
await serve<LimitedProtocol>({
  async *limit({ bytes }) {
    limitMemory(bytes);
    return null;
  },
  async *allocate({ bytes }) {
    const { ggml } = backend.native;
    const buffer = ggml.ggml_backend_buft_alloc_buffer(backend.defaultBufferType.pointer, bytes);
    if (buffer !== null) ggml.ggml_backend_buffer_free(buffer);
    return buffer !== null;
  },
});
