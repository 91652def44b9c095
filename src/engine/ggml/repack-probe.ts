import { EdgeVlmError } from '../../core/errors.js';
import type { GgmlType } from '../../formats/gguf/ggml-types.js';
import { writePointer } from '../ffi/native-memory.js';
import type { Pointer } from '../ffi/pointer.js';
import type { BufferType, CpuBackend } from './cpu-backend.js';
import { Graph } from './graph.js';

/** Offset of `buffer` in `struct ggml_tensor`. */
const BUFFER_OFFSET = 8;
/** Tensors made for one question: weight, input, product. */
const TENSORS_PER_PROBE = 3;

/**
 * Asks ggml, tensor by tensor, whether a matrix can be stored repacked. A file's name tells nothing: a Q4_K_M file
 * holds Q6_K tensors, and setting a tensor that cannot be repacked dereferences null in ggml.
 */
export class RepackProbe implements Disposable {
  readonly #answers = new Map<string, BufferType>();
  readonly #empty: { type: BufferType; buffer: Pointer }[];

  constructor(private readonly backend: CpuBackend) {
    const { ggml } = backend.native;
    this.#empty = backend.repackBufferTypes.map((type) => {
      const buffer = ggml.ggml_backend_buft_alloc_buffer(type.pointer, 0);
      if (buffer === null) throw new EdgeVlmError('NATIVE_FAILED', `cannot make a buffer of ${type.name}`);
      return { type, buffer };
    });
  }

  /** The best buffer type for a matrix [k, n] that only matrix products with f32 read. */
  best(type: GgmlType, shape: readonly number[]): BufferType {
    const key = `${type} ${shape.join(' ')}`;
    const answer = this.#answers.get(key) ?? this.#ask(type, shape);
    this.#answers.set(key, answer);
    return answer;
  }

  #ask(type: GgmlType, shape: readonly number[]): BufferType {
    const { backend } = this;
    if (shape.length !== 2) return backend.defaultBufferType;
    using graph = new Graph('repack probe', backend, TENSORS_PER_PROBE, []);
    const weight = graph.create(type, shape);
    const product = graph.mulMat(weight, graph.create('f32', [shape[0] ?? 1, 1]));
    for (const candidate of this.#empty) {
      // What llama.cpp does (llama-model-loader.cpp, weight_buft_supported): lend the weight an empty buffer of that type.
      writePointer(weight.pointer, BUFFER_OFFSET, candidate.buffer);
      const supported = backend.native.ggml.ggml_backend_dev_supports_op(backend.device, product.pointer);
      writePointer(weight.pointer, BUFFER_OFFSET, null);
      if (supported) return candidate.type;
    }
    return backend.defaultBufferType;
  }

  [Symbol.dispose](): void {
    for (const { buffer } of this.#empty) this.backend.native.ggml.ggml_backend_buffer_free(buffer);
  }
}
