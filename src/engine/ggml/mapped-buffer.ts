import { EdgeVlmError } from '../../core/errors.js';
import type { Pointer } from '../ffi/pointer.js';
import type { Backend } from './backend.js';
import type { MappedFile } from './mapped-file.js';
import { Resource } from './resource.js';
import type { Tensor } from './tensor.js';
import type { TensorContext } from './tensor-context.js';

/** A tensor's place in a mapped file. */
export interface MappedTensor {
  readonly tensor: Tensor;
  readonly offset: number;
  readonly bytes: number;
}

/** Tensors of one context whose data is a mapped file's, where it lies. Nothing may write to them. */
export class MappedBuffer extends Resource {
  readonly bytes: number;
  readonly #backend: Backend;
  readonly #pointer: Pointer;

  /** @throws GGUF_TRUNCATED, OUT_OF_MEMORY */
  constructor(label: string, context: TensorContext, file: MappedFile, tensors: readonly MappedTensor[]) {
    // Checked before anything is taken.
    const addresses = tensors.map(({ offset, bytes }) => file.at(offset, bytes));
    super(label, [context, file]);
    const { backend } = context;
    const { ggml } = backend.native;
    const pointer = ggml.ggml_backend_cpu_buffer_from_ptr(file.at(0, file.bytes), file.bytes);
    if (pointer === null) throw this.failed(new EdgeVlmError('OUT_OF_MEMORY', `no memory for ${label}`));
    this.bytes = tensors.reduce((sum, { bytes }) => sum + bytes, 0);
    this.#backend = backend;
    this.#pointer = pointer;
    tensors.forEach(({ tensor }, i) => {
      const status = ggml.ggml_backend_tensor_alloc(pointer, tensor.pointer, addresses[i] ?? 0n);
      if (status !== 0) throw new EdgeVlmError('NATIVE_FAILED', `cannot place ${tensor} in ${label}`);
    });
  }

  protected release(): void {
    this.#backend.native.ggml.ggml_backend_buffer_free(this.#pointer);
  }
}
