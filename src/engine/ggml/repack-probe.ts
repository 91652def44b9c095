import { EdgeVlmError } from '../../core/errors.js';
import type { GgmlType } from '../../formats/gguf/ggml-types.js';
import { writePointer } from '../ffi/native-memory.js';
import type { Pointer } from '../ffi/pointer.js';
import type { Backend, BufferType } from './backend.js';
import { Graph } from './graph.js';

/** Offset of `buffer` in `struct ggml_tensor`. */
const BUFFER_OFFSET = 8;
/** Tensors made for one question: weight, input, result. */
const TENSORS_PER_PROBE = 3;

/** What reads a weight: matrix products with f32, look-ups of its rows, or element-wise operations. */
export type WeightUse = 'matmul' | 'rows' | 'vector';

/**
 * Asks ggml, tensor by tensor, whether a matrix can be stored repacked, and whether a device has a kernel for it. A file's name tells
 * nothing: a Q4_K_M file holds Q6_K tensors, and setting a tensor that cannot be repacked dereferences null in ggml.
 */
export class RepackProbe implements Disposable {
  readonly #answers = new Map<string, BufferType>();
  readonly #empty: { type: BufferType; buffer: Pointer }[];

  constructor(private readonly backend: Backend) {
    const { ggml } = backend.native;
    this.#empty = backend.repackBufferTypes.map((type) => {
      const buffer = ggml.ggml_backend_buft_alloc_buffer(type.pointer, 0);
      if (buffer === null) throw new EdgeVlmError('NATIVE_FAILED', `cannot make a buffer of ${type.name}`);
      return { type, buffer };
    });
  }

  /** The best buffer type for a weight. */
  best(type: GgmlType, shape: readonly number[], use: WeightUse): BufferType {
    if (use === 'vector' || (use === 'rows' && this.backend.defaultBufferType.plain)) return this.backend.defaultBufferType;
    const key = `${use} ${type} ${shape.join(' ')}`;
    const answer = this.#answers.get(key) ?? this.#ask(type, shape, use);
    this.#answers.set(key, answer);
    return answer;
  }

  #ask(type: GgmlType, shape: readonly number[], use: 'matmul' | 'rows'): BufferType {
    const { backend } = this;
    if (shape.length !== 2) return backend.defaultBufferType;
    using graph = new Graph('repack probe', backend, TENSORS_PER_PROBE, []);
    const weight = graph.create(type, shape);
    const product =
      use === 'rows' ? graph.getRows(weight, graph.create('i32', [1])) : graph.mulMat(weight, graph.create('f32', [shape[0] ?? 1, 1]));
    for (const candidate of this.#empty) {
      // What llama.cpp does (llama-model-loader.cpp, weight_buft_supported): lend the weight an empty buffer of that type.
      writePointer(weight.pointer, BUFFER_OFFSET, candidate.buffer);
      const supported = backend.native.ggml.ggml_backend_dev_supports_op(backend.device, product.pointer);
      writePointer(weight.pointer, BUFFER_OFFSET, null);
      if (supported) return candidate.type;
    }
    const { defaultBufferType, hostBufferType } = backend;
    if (defaultBufferType.plain || backend.native.ggml.ggml_backend_dev_supports_op(backend.device, product.pointer))
      return defaultBufferType;
    return hostBufferType;
  }

  [Symbol.dispose](): void {
    for (const { buffer } of this.#empty) this.backend.native.ggml.ggml_backend_buffer_free(buffer);
  }
}
