import { EdgeVlmError } from '../../core/errors.js';
import { GGML_TYPES, type GgmlType } from '../../formats/gguf/ggml-types.js';
import type { Backend } from './backend.js';
import type { Pointer } from '../ffi/pointer.js';
import { Resource } from './resource.js';
import { packedStrides, Tensor, toShape } from './tensor.js';

/** Headers of tensors (not their data), freed together. */
export class TensorContext extends Resource {
  protected readonly context: Pointer;

  /**
   * @param capacity how many tensors may be made
   * @param extraBytes room for anything else kept in the context, such as a graph
   */
  constructor(
    label: string,
    readonly backend: Backend,
    capacity: number,
    parents: readonly Resource[] = [],
    extraBytes = 0,
  ) {
    super(label, [backend, ...parents]);
    const { ggml } = backend.native;
    const context = ggml.ggml_init({
      mem_size: ggml.ggml_tensor_overhead() * capacity + extraBytes,
      mem_buffer: null,
      no_alloc: true,
    });
    if (context === null) throw this.failed(new EdgeVlmError('OUT_OF_MEMORY', `no memory for ${label}`));
    this.context = context;
  }

  /** A new tensor without data. @param repacked whether its data will be stored rearranged */
  create(type: GgmlType, extents: readonly number[], name?: string, repacked = false): Tensor {
    this.assertAlive();
    const shape = toShape(extents);
    const { ggml } = this.backend.native;
    const pointer = ggml.ggml_new_tensor_4d(this.context, GGML_TYPES[type].id, ...shape);
    if (name !== undefined) ggml.ggml_set_name(pointer, name);
    return new Tensor(this, pointer, type, shape, packedStrides(type, shape), repacked);
  }

  protected release(): void {
    this.backend.native.ggml.ggml_free(this.context);
  }
}
