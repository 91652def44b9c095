import { EdgeVlmError } from '../../core/errors.js';
import { GGML_TYPES, type GgmlType } from '../../formats/gguf/ggml-types.js';
import type { Pointer } from '../ffi/pointer.js';
import type { Resource } from './resource.js';

/** Four extents, innermost first, as ggml counts them (`ne`). */
export type Shape = readonly [number, number, number, number];

/** Pads a shape with ones. */
export function toShape(extents: readonly number[]): Shape {
  const [a = 1, b = 1, c = 1, d = 1] = extents;
  return [a, b, c, d];
}

/** A node of a ggml graph, or a weight. Shapes are known here, so a mistake is an error before ggml could abort on it. */
export class Tensor {
  constructor(
    /** The context that owns the node. */
    readonly owner: Resource,
    private readonly address: Pointer,
    readonly type: GgmlType,
    readonly shape: Shape,
    /** Bytes from one element, row, plane and cube to the next (`nb`). */
    readonly strides: Shape,
    /** Stored rearranged for ggml's own matrix kernel; nothing else can read it. */
    readonly repacked = false,
  ) {}

  /** @throws ENGINE_DISPOSED when the owner was freed */
  get pointer(): Pointer {
    this.owner.assertAlive();
    return this.address;
  }

  get elements(): number {
    return this.shape[0] * this.shape[1] * this.shape[2] * this.shape[3];
  }

  get contiguous(): boolean {
    const packed = packedStrides(this.type, this.shape);
    return this.shape.every((extent, axis) => extent === 1 || this.strides[axis] === packed[axis]);
  }

  toString(): string {
    return `${this.type}[${this.shape.join(', ')}]`;
  }
}

/** Strides of a tensor without gaps. */
export function packedStrides(type: GgmlType, shape: Shape): Shape {
  const { blockSize, blockBytes } = GGML_TYPES[type];
  const row = (blockBytes * shape[0]) / blockSize;
  return [blockBytes, row, row * shape[1], row * shape[1] * shape[2]];
}

export function sameShape(a: Tensor, b: Tensor): boolean {
  return a.shape.every((extent, axis) => extent === b.shape[axis]);
}

/**
 * Whether `small` fills `large` when repeated, both in f32. Equal extents may be 0: a batch whose logits nobody wants has no rows
 * behind its last attention.
 */
export function repeats(small: Tensor, large: Tensor): boolean {
  const fits = large.shape.every((extent, axis) => extent === small.shape[axis] || extent % (small.shape[axis] ?? 1) === 0);
  return fits && small.type === 'f32' && large.type === 'f32';
}

/** Throws unless `condition`: the engine asked ggml for something it would abort on. */
export function assertGraph(condition: boolean, message: () => string): asserts condition {
  if (!condition) throw new EdgeVlmError('INTERNAL', `graph: ${message()}`);
}
