import { EdgeVlmError } from '../../core/errors.js';
import { adviseHugePages } from '../ffi/advise-huge-pages.js';
import { viewMemory } from '../ffi/native-memory.js';
import type { Pointer } from '../ffi/pointer.js';
import type { BufferType, CpuBackend } from './cpu-backend.js';
import { Resource } from './resource.js';
import type { Tensor } from './tensor.js';
import type { TensorContext } from './tensor-context.js';

/** Memory that holds the data of several tensors of one context, side by side. */
export class Buffer extends Resource {
  readonly bytes: number;
  readonly #backend: CpuBackend;
  readonly #pointer: Pointer;
  readonly #base: bigint;
  readonly #offsets = new Map<Tensor, number>();

  /** @throws OUT_OF_MEMORY */
  constructor(
    label: string,
    context: TensorContext,
    readonly type: BufferType,
    tensors: readonly Tensor[],
  ) {
    super(label, [context]);
    const { backend } = context;
    const { ggml } = backend.native;
    const alignment = ggml.ggml_backend_buft_get_alignment(type.pointer);
    let bytes = 0;
    for (const tensor of tensors) {
      this.#offsets.set(tensor, bytes);
      bytes += Math.ceil(ggml.ggml_backend_buft_get_alloc_size(type.pointer, tensor.pointer) / alignment) * alignment;
    }
    const pointer = ggml.ggml_backend_buft_alloc_buffer(type.pointer, Math.max(bytes, alignment));
    if (pointer === null) throw this.failed(new EdgeVlmError('OUT_OF_MEMORY', `no memory for ${label} (${bytes} bytes)`));
    this.bytes = bytes;
    this.#backend = backend;
    this.#pointer = pointer;
    this.#base = ggml.ggml_backend_buffer_get_base(pointer);
    adviseHugePages(this.#base, bytes);
    for (const [tensor, offset] of this.#offsets) {
      const status = ggml.ggml_backend_tensor_alloc(pointer, tensor.pointer, this.#base + BigInt(offset));
      if (status !== 0) throw new EdgeVlmError('NATIVE_FAILED', `cannot place ${tensor} in ${type.name}`);
    }
  }

  clear(): void {
    this.assertAlive();
    this.#backend.native.ggml.ggml_backend_buffer_clear(this.#pointer, 0);
  }

  /** The bytes of a tensor, without a copy; only for buffers of the default type, which hold data as the file does. */
  view(tensor: Tensor, bytes: number): Uint8Array {
    this.assertAlive();
    const offset = this.#offsets.get(tensor);
    if (offset === undefined) throw new EdgeVlmError('INTERNAL', `${tensor} is not in ${this.label}`);
    return new Uint8Array(viewMemory((this.#base + BigInt(offset)) as Pointer, bytes));
  }

  protected release(): void {
    this.#backend.native.ggml.ggml_backend_buffer_free(this.#pointer);
  }
}
