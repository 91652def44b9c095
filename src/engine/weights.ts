import { open, type FileHandle } from 'node:fs/promises';

import { EdgeVlmError } from '../core/errors.js';
import type { GgmlType } from '../formats/gguf/ggml-types.js';
import type { GgufFile, GgufTensorInfo } from '../formats/gguf/read-gguf.js';
import { callAsync, NativeMemory } from './ffi/native-memory.js';
import { Buffer } from './ggml/buffer.js';
import type { Backend, BufferType } from './ggml/backend.js';
import { MappedBuffer } from './ggml/mapped-buffer.js';
import { MappedFile } from './ggml/mapped-file.js';
import { RepackProbe, type WeightUse } from './ggml/repack-probe.js';
import { Resource } from './ggml/resource.js';
import type { Tensor } from './ggml/tensor.js';
import { TensorContext } from './ggml/tensor-context.js';

/** A weight that a model needs: what it must look like, and what reads it. */
export interface WeightSpec {
  readonly name: string;
  /** Extents, innermost first. */
  readonly shape: readonly number[];
  readonly use: WeightUse;
  /** Left out of the file by some models of the family. */
  readonly optional?: boolean;
  /** Read the data of this tensor instead, where the file has no tensor called `name` (tied embeddings). */
  readonly fallback?: string;
}

export interface WeightLoadOptions {
  /**
   * Use the file's own bytes instead of a copy, wherever a weight is not repacked. Default false. Without effect on systems that
   * cannot map files.
   */
  readonly map?: boolean;
  /** Called with the bytes read so far. */
  readonly onBytes?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

interface PlacedWeight {
  readonly name: string;
  readonly info: GgufTensorInfo;
  readonly tensor: Tensor;
  /** null: the mapped file. */
  readonly bufferType: BufferType | null;
}

/** Types whose matrix product ggml has for the CPU. */
const MATRIX_TYPES: ReadonlySet<GgmlType> = new Set<GgmlType>([
  'f32',
  'f16',
  'bf16',
  'q4_0',
  'q4_1',
  'q5_0',
  'q5_1',
  'q8_0',
  'q2_K',
  'q3_K',
  'q4_K',
  'q5_K',
  'q6_K',
  'iq2_xxs',
  'iq2_xs',
  'iq2_s',
  'iq3_xxs',
  'iq3_s',
  'iq1_s',
  'iq1_m',
  'iq4_nl',
  'iq4_xs',
  'tq1_0',
  'tq2_0',
  'mxfp4',
]);
/** ggml's `TENSOR_ALIGNMENT`, and the default of GGUF files; a weight that lies otherwise is copied. */
const MAPPED_ALIGNMENT = 32;
/** One read of a weight that goes straight to its place. */
const READ_BYTES = 64 * 1024 * 1024;
/** Weights read at a time; each may hold as many bytes as the largest of them. */
const MAX_LANES = 4;

/** What holds a model's weights; disposed of in this order. */
interface WeightStore {
  readonly buffers: (Buffer | MappedBuffer)[];
  readonly context: TensorContext;
  readonly file: MappedFile | null;
}

/** A model's weights in native memory, repacked for speed where ggml can. */
export class Weights extends Resource {
  /** Bytes held, those of a mapped file included. */
  readonly bytes: number;
  /** Those of a mapped file. */
  readonly mappedBytes: number;
  readonly #store: WeightStore;
  readonly #tensors: ReadonlyMap<string, Tensor>;

  private constructor(backend: Backend, store: WeightStore, tensors: ReadonlyMap<string, Tensor>) {
    super('weights', [backend]);
    this.#store = store;
    this.#tensors = tensors;
    const bytesOf = (buffers: readonly (Buffer | MappedBuffer)[]): number => buffers.reduce((sum, { bytes }) => sum + bytes, 0);
    this.bytes = bytesOf(store.buffers);
    this.mappedBytes = bytesOf(store.buffers.filter((buffer) => buffer instanceof MappedBuffer));
  }

  /**
   * Reads the weights a model asks for.
   * @throws MODEL_INCOMPLETE, MODEL_UNSUPPORTED, OUT_OF_MEMORY, FILE_UNREADABLE; CANCELLED
   */
  static async load(backend: Backend, file: GgufFile, specs: readonly WeightSpec[], options: WeightLoadOptions = {}): Promise<Weights> {
    const wanted = resolveWeights(file, specs);
    const store: WeightStore = {
      buffers: [],
      context: new TensorContext('weight headers', backend, wanted.length),
      file: options.map === true ? MappedFile.open(file.path) : null,
    };
    const { buffers, context } = store;
    try {
      using probe = new RepackProbe(backend);
      const placed = wanted.map(({ spec, info }): PlacedWeight => {
        const best = probe.best(info.type, spec.shape, spec.use);
        const mapped = store.file !== null && best.plain && info.fileOffset % MAPPED_ALIGNMENT === 0;
        const tensor = context.create(info.type, spec.shape, spec.name, !best.plain);
        return { name: spec.name, info, tensor, bufferType: mapped ? null : best };
      });
      for (const type of new Set(placed.map(({ bufferType }) => bufferType))) {
        const group = placed.filter(({ bufferType }) => bufferType === type);
        buffers.push(
          type === null && store.file !== null
            ? new MappedBuffer(
                'weights (mapped)',
                context,
                store.file,
                group.map(({ tensor, info }) => ({ tensor, offset: info.fileOffset, bytes: info.bytes })),
              )
            : new Buffer(
                `weights (${(type ?? backend.defaultBufferType).name})`,
                context,
                type ?? backend.defaultBufferType,
                group.map(({ tensor }) => tensor),
              ),
        );
      }
      if (!backend.defaultBufferType.plain) for (const buffer of buffers) if (buffer instanceof Buffer) buffer.holdWeights();
      await readAll(backend, file.path, placed, store, options);
      return new Weights(backend, store, new Map(placed.map(({ name, tensor }) => [name, tensor])));
    } catch (thrown) {
      disposeStore(store);
      throw EdgeVlmError.from(thrown, 'FILE_UNREADABLE');
    }
  }

  /** Bytes that loading with `map` copies all the same, because they are repacked or go to a device. */
  static copiedBytes(backend: Backend, file: GgufFile, specs: readonly WeightSpec[]): number {
    using probe = new RepackProbe(backend);
    const copied = resolveWeights(file, specs).filter(({ spec, info }) => !probe.best(info.type, spec.shape, spec.use).plain);
    return copied.reduce((sum, { info }) => sum + info.bytes, 0);
  }

  /** A weight that the specs listed. @throws INTERNAL for one that they did not */
  get(name: string): Tensor {
    const tensor = this.#tensors.get(name);
    if (tensor === undefined) throw new EdgeVlmError('INTERNAL', `the weight ${name} was not loaded`);
    return tensor;
  }

  /** An optional weight, or undefined where the file has none. */
  find(name: string): Tensor | undefined {
    return this.#tensors.get(name);
  }

  protected release(): void {
    disposeStore(this.#store);
  }
}

function disposeStore({ buffers, context, file }: WeightStore): void {
  for (const buffer of buffers) buffer[Symbol.dispose]();
  context[Symbol.dispose]();
  file?.[Symbol.dispose]();
}

/** Matches specs with the file's tensors, checking shape and type. Bytes that loading will take follow from the result. */
export function resolveWeights(file: GgufFile, specs: readonly WeightSpec[]): { spec: WeightSpec; info: GgufTensorInfo }[] {
  const tensors = new Map(file.tensors.map((info) => [info.name, info]));
  return specs.flatMap((spec) => {
    const info = tensors.get(spec.name) ?? (spec.fallback === undefined ? undefined : tensors.get(spec.fallback));
    if (info === undefined) {
      if (spec.optional === true) return [];
      throw new EdgeVlmError('MODEL_INCOMPLETE', `${file.path} lacks the tensor ${spec.name}`);
    }
    if (!sameExtents(info.shape, spec.shape)) {
      throw new EdgeVlmError(
        'MODEL_INCOMPLETE',
        `${file.path}: ${info.name} is [${info.shape.join(', ')}], its metadata asks for [${spec.shape.join(', ')}]`,
      );
    }
    const fits = spec.use === 'vector' ? info.type === 'f32' : MATRIX_TYPES.has(info.type);
    if (!fits)
      throw new EdgeVlmError('MODEL_UNSUPPORTED', `${file.path}: ${info.name} has type ${info.type}, which the engine cannot use there`);
    return [{ spec, info }];
  });
}

/** Extents of 1 do not count: they move no data, and some converters squeeze them away. */
function sameExtents(a: readonly number[], b: readonly number[]): boolean {
  const [x, y] = [a, b].map((extents) => extents.filter((extent) => extent !== 1).join());
  return x === y;
}

/** Several weights at a time: while one is read, another is being repacked. */
async function readAll(
  backend: Backend,
  path: string,
  placed: readonly PlacedWeight[],
  { buffers, file }: WeightStore,
  { onBytes, signal }: WeightLoadOptions,
): Promise<void> {
  const { ggml } = backend.native;
  const total = placed.reduce((sum, { info }) => sum + info.bytes, 0);
  const waiting = [...placed];
  let done = 0;
  const handle = await open(path, 'r');
  const lane = async (): Promise<void> => {
    let staging: NativeMemory | undefined;
    try {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        if (signal?.aborted === true) throw new EdgeVlmError('CANCELLED', 'loading was cancelled', { cause: signal.reason });
        const { info, tensor, bufferType } = next;
        const { bytes } = info;
        const buffer = buffers.find((candidate) => candidate instanceof Buffer && candidate.type === bufferType);
        if (bufferType === null) {
          // It is where it belongs.
        } else if (file !== null) {
          await callAsync(ggml.ggml_backend_tensor_set, tensor.pointer, file.at(info.fileOffset, bytes), 0, bytes);
          file.forget(info.fileOffset, bytes);
        } else if (bufferType.plain && buffer instanceof Buffer) {
          await readInto(handle, info, buffer.view(tensor, bytes));
        } else {
          if (staging === undefined || staging.buffer.byteLength < bytes) {
            staging?.[Symbol.dispose]();
            staging = new NativeMemory(bytes);
          }
          await readInto(handle, info, new Uint8Array(staging.buffer, 0, bytes));
          await callAsync(ggml.ggml_backend_tensor_set, tensor.pointer, staging.pointer, 0, bytes);
        }
        done += bytes;
        onBytes?.(done, total);
      }
    } catch (thrown) {
      waiting.length = 0; // the other lanes stop, too
      throw thrown;
    } finally {
      staging?.[Symbol.dispose]();
    }
  };
  try {
    // A device's driver takes one copy at a time.
    const count = backend.defaultBufferType.plain ? Math.min(backend.threads, MAX_LANES) : 1;
    const lanes = await Promise.allSettled(Array.from({ length: count }, lane));
    for (const outcome of lanes) if (outcome.status === 'rejected') throw outcome.reason;
  } finally {
    await handle.close();
  }
}

async function readInto(handle: FileHandle, info: GgufTensorInfo, target: Uint8Array): Promise<void> {
  for (let done = 0; done < info.bytes;) {
    const { bytesRead } = await handle.read(target, done, Math.min(READ_BYTES, info.bytes - done), info.fileOffset + done);
    if (bytesRead === 0) throw new EdgeVlmError('GGUF_TRUNCATED', `the file ends inside ${info.name}`);
    done += bytesRead;
  }
}
