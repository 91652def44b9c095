import { EdgeVlmError } from '../../core/errors.js';
import { adviseHugePages } from '../ffi/advise-huge-pages.js';
import { viewMemory } from '../ffi/native-memory.js';
import type { Pointer } from '../ffi/pointer.js';
import type { Backend, BufferType } from './backend.js';
import { Resource } from './resource.js';
import type { Tensor } from './tensor.js';
import type { TensorContext } from './tensor-context.js';

/** Tensors that go into one piece of memory. */
interface Part {
  bytes: number;
  readonly offsets: Map<Tensor, number>;
}

/** `GGML_BACKEND_BUFFER_USAGE_WEIGHTS`. */
const USAGE_WEIGHTS = 1;

/** Memory that holds the data of several tensors of one context, side by side; in pieces where a device has a bound on them. */
export class Buffer extends Resource {
  readonly bytes: number;
  readonly #backend: Backend;
  readonly #pieces: Pointer[] = [];
  readonly #addresses = new Map<Tensor, bigint>();

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
    this.#backend = backend;
    const alignment = ggml.ggml_backend_buft_get_alignment(type.pointer);
    const maxBytes = Number(ggml.ggml_backend_buft_get_max_size(type.pointer));
    const parts: Part[] = [];
    for (const tensor of tensors) {
      const size = Math.ceil(ggml.ggml_backend_buft_get_alloc_size(type.pointer, tensor.pointer) / alignment) * alignment;
      let part = parts.at(-1);
      if (part === undefined || part.bytes + size > maxBytes) parts.push((part = { bytes: 0, offsets: new Map() }));
      part.offsets.set(tensor, part.bytes);
      part.bytes += size;
    }
    this.bytes = parts.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { bytes, offsets } of parts) {
      const pointer = ggml.ggml_backend_buft_alloc_buffer(type.pointer, Math.max(bytes, alignment));
      if (pointer === null) {
        this.#free();
        throw this.failed(new EdgeVlmError('OUT_OF_MEMORY', `no memory for ${label} (${this.bytes} bytes in ${type.name})`));
      }
      this.#pieces.push(pointer);
      const base: bigint = ggml.ggml_backend_buffer_get_base(pointer);
      // A device's addresses mean nothing to the system.
      if (type.plain || backend.repackBufferTypes.includes(type)) adviseHugePages(base, bytes);
      for (const [tensor, offset] of offsets) {
        const status = ggml.ggml_backend_tensor_alloc(pointer, tensor.pointer, base + BigInt(offset));
        if (status !== 0) throw new EdgeVlmError('NATIVE_FAILED', `cannot place ${tensor} in ${type.name}`);
        this.#addresses.set(tensor, base + BigInt(offset));
      }
    }
  }

  clear(): void {
    this.assertAlive();
    for (const pointer of this.#pieces) this.#backend.native.ggml.ggml_backend_buffer_clear(pointer, 0);
  }

  /** Tells schedulers that what reads these tensors should be computed where they lie. */
  holdWeights(): void {
    for (const pointer of this.#pieces) this.#backend.native.ggml.ggml_backend_buffer_set_usage(pointer, USAGE_WEIGHTS);
  }

  /** The bytes of a tensor, without a copy; only in plain memory. */
  view(tensor: Tensor, bytes: number): Uint8Array {
    this.assertAlive();
    const address = this.#addresses.get(tensor);
    if (address === undefined || !this.type.plain) throw new EdgeVlmError('INTERNAL', `${tensor} cannot be seen in ${this.label}`);
    return new Uint8Array(viewMemory(address as Pointer, bytes));
  }

  /** Lets the first bytes of a tensor be changed: where they are, or in a copy that goes to the device and back. */
  edit(tensor: Tensor, bytes: number, change: (memory: Uint8Array) => void): void {
    if (this.type.plain) {
      change(this.view(tensor, bytes));
      return;
    }
    this.assertAlive();
    const { ggml } = this.#backend.native;
    const copy = new Uint8Array(bytes);
    ggml.ggml_backend_tensor_get(tensor.pointer, copy, 0, bytes);
    change(copy);
    ggml.ggml_backend_tensor_set(tensor.pointer, copy, 0, bytes);
  }

  /** Copies the bytes of a tensor that begin at `offset`, from wherever they lie. */
  read(tensor: Tensor, offset: number, into: Uint8Array): void {
    this.#assertInside(tensor, offset + into.byteLength);
    this.#backend.native.ggml.ggml_backend_tensor_get(tensor.pointer, into, offset, into.byteLength);
  }

  /** Overwrites them. */
  write(tensor: Tensor, offset: number, bytes: Uint8Array): void {
    this.#assertInside(tensor, offset + bytes.byteLength);
    this.#backend.native.ggml.ggml_backend_tensor_set(tensor.pointer, bytes, offset, bytes.byteLength);
  }

  protected release(): void {
    this.#free();
  }

  /** ggml ends the process where this is not so. */
  #assertInside(tensor: Tensor, end: number): void {
    this.assertAlive();
    const bytes = tensor.strides[3] * tensor.shape[3];
    if (!this.#addresses.has(tensor) || end > bytes) {
      throw new EdgeVlmError('INTERNAL', `byte ${end} of ${tensor} is not in ${this.label}`);
    }
  }

  #free(): void {
    for (const pointer of this.#pieces) this.#backend.native.ggml.ggml_backend_buffer_free(pointer);
  }
}
