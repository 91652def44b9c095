import { GGML_TYPES, type GgmlType } from '../../formats/gguf/ggml-types.js';
import type { Data, Pointer } from '../ffi/pointer.js';
import type { CpuBackend } from './cpu-backend.js';
import type { Resource } from './resource.js';
import { assertGraph, packedStrides, Tensor, toShape, type Shape } from './tensor.js';
import { TensorContext } from './tensor-context.js';

/** `GGML_PREC_F32`. */
const PRECISION_F32 = 10;

/** Parameters of rotary position embedding, named as in `ggml_rope_ext`. */
export interface RopeParameters {
  /** How many of each head's values are rotated. */
  readonly dimensions: number;
  readonly base: number;
  readonly scale: number;
  /** Adjacent pairs are rotated together (LLaMA's order in GGUF files), or halves (NeoX). */
  readonly mode: 'norm' | 'neox';
}

const ROPE_MODES: Record<RopeParameters['mode'], number> = { norm: 0, neox: 2 };

/**
 * A ggml compute graph under construction. Operations check shapes and types before ggml sees them, because ggml
 * answers a mistake by ending the process. Extents are innermost first, as in ggml.
 */
export class Graph extends TensorContext {
  readonly pointer: Pointer;

  /** @param parents whatever the graph reads: weights, caches */
  constructor(label: string, backend: CpuBackend, capacity: number, parents: readonly Resource[]) {
    const { ggml } = backend.native;
    super(label, backend, capacity, parents, ggml.ggml_graph_overhead_custom(capacity, false));
    this.pointer = ggml.ggml_new_graph_custom(this.context, capacity, false);
  }

  /** A tensor that the caller fills before each run. */
  input(type: GgmlType, extents: readonly number[], name: string): Tensor {
    const tensor = this.create(type, extents, name);
    this.ggml.ggml_set_input(tensor.pointer);
    return tensor;
  }

  /** Marks a result that is read after the run, and adds it to the graph. */
  output(tensor: Tensor): Tensor {
    this.ggml.ggml_set_output(tensor.pointer);
    return this.expand(tensor);
  }

  /** Adds a node and all that it needs; for nodes run for their effect, and to fix the order. */
  expand(tensor: Tensor): Tensor {
    this.ggml.ggml_build_forward_expand(this.pointer, tensor.pointer);
    return tensor;
  }

  /** a + b, with b repeated over a's outer extents. */
  add(a: Tensor, b: Tensor): Tensor {
    assertGraph(repeats(b, a), () => `add ${a} and ${b}`);
    return this.packed(this.ggml.ggml_add(this.context, a.pointer, b.pointer), a.type, a.shape);
  }

  /** a · b element by element, with b repeated over a's outer extents. */
  mul(a: Tensor, b: Tensor): Tensor {
    assertGraph(repeats(b, a), () => `multiply ${a} and ${b}`);
    return this.packed(this.ggml.ggml_mul(this.context, a.pointer, b.pointer), a.type, a.shape);
  }

  /** `weight` [k, n, …] times `x` [k, m, …] gives f32 [n, m, …]. */
  mulMat(weight: Tensor, x: Tensor): Tensor {
    const [k, n, w2, w3] = weight.shape;
    const [xk, m, x2, x3] = x.shape;
    assertGraph(k === xk && x2 % w2 === 0 && x3 % w3 === 0, () => `matrix product of ${weight} and ${x}`);
    return this.packed(this.ggml.ggml_mul_mat(this.context, weight.pointer, x.pointer), 'f32', [n, m, x2, x3]);
  }

  /** Rows of `a` by i32 `ids`, as f32. */
  getRows(a: Tensor, ids: Tensor): Tensor {
    assertGraph(ids.type === 'i32' && a.shape[2] === 1 && ids.shape[1] === 1, () => `rows ${ids} of ${a}`);
    return this.packed(this.ggml.ggml_get_rows(this.context, a.pointer, ids.pointer), 'f32', [a.shape[0], ids.shape[0], 1, 1]);
  }

  /** Writes the rows of `source` into `destination` at i64 `ids`; the result is a view of `destination`. */
  setRows(destination: Tensor, source: Tensor, ids: Tensor): Tensor {
    const fits = destination.shape[0] === source.shape[0] && source.shape[1] === ids.shape[0] && source.shape[2] === 1;
    assertGraph(fits && ids.type === 'i64' && source.type === 'f32', () => `set rows ${ids} of ${destination} to ${source}`);
    const pointer = this.ggml.ggml_set_rows(this.context, destination.pointer, source.pointer, ids.pointer);
    return new Tensor(this, pointer, destination.type, destination.shape, destination.strides);
  }

  /** LayerNorm without weights. */
  norm(a: Tensor, epsilon: number): Tensor {
    return this.packed(this.ggml.ggml_norm(this.context, a.pointer, epsilon), 'f32', a.shape);
  }

  rmsNorm(a: Tensor, epsilon: number): Tensor {
    return this.packed(this.ggml.ggml_rms_norm(this.context, a.pointer, epsilon), 'f32', a.shape);
  }

  /** GELU by its tanh approximation; ggml reads it from an f16 table. */
  gelu(a: Tensor): Tensor {
    assertGraph(a.contiguous, () => `gelu of ${a} with gaps`);
    return this.packed(this.ggml.ggml_gelu(this.context, a.pointer), 'f32', a.shape);
  }

  /** silu(gate) · up. */
  swiglu(gate: Tensor, up: Tensor): Tensor {
    assertGraph(sameShape(gate, up), () => `swiglu of ${gate} and ${up}`);
    return this.packed(this.ggml.ggml_swiglu_split(this.context, gate.pointer, up.pointer), 'f32', gate.shape);
  }

  /** Rotates `a` [head size, heads, tokens] by i32 `positions` [tokens]. */
  rope(a: Tensor, positions: Tensor, rope: RopeParameters): Tensor {
    assertGraph(
      positions.type === 'i32' && positions.shape[0] === a.shape[2] && rope.dimensions <= a.shape[0] && rope.dimensions % 2 === 0,
      () => `rope of ${a} at ${positions}`,
    );
    // ext factor 0 turns YaRN off; the two betas (32, 1) are then unread.
    const pointer = this.ggml.ggml_rope_ext(
      this.context,
      a.pointer,
      positions.pointer,
      null,
      rope.dimensions,
      ROPE_MODES[rope.mode],
      0,
      rope.base,
      rope.scale,
      0,
      1,
      32,
      1,
    );
    return this.packed(pointer, a.type, a.shape);
  }

  /**
   * Softmax(q·kᵀ·scale + mask)·v in one pass, accumulated in f32.
   * @param q [head size, tokens, heads] @param k,v [head size, cells, kv heads] @param mask f16 [cells, tokens] or null
   * @returns [head size, heads, tokens]
   */
  flashAttention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | null, scale: number): Tensor {
    const fits =
      q.shape[0] === k.shape[0] &&
      k.shape[1] === v.shape[1] &&
      k.shape[2] === v.shape[2] &&
      q.shape[2] % k.shape[2] === 0 &&
      q.shape[3] === k.shape[3];
    const masked = mask === null || (mask.type === 'f16' && mask.contiguous && mask.shape[0] === k.shape[1] && mask.shape[1] >= q.shape[1]);
    assertGraph(fits && masked, () => `attention of ${q}, ${k}, ${v} under ${mask ?? 'no mask'}`);
    const pointer = this.ggml.ggml_flash_attn_ext(this.context, q.pointer, k.pointer, v.pointer, mask?.pointer ?? null, scale, 0, 0);
    this.ggml.ggml_flash_attn_ext_set_prec(pointer, PRECISION_F32);
    return this.packed(pointer, 'f32', [v.shape[0], q.shape[2], q.shape[1], q.shape[3]]);
  }

  reshape(a: Tensor, extents: readonly [number, number] | readonly [number, number, number]): Tensor {
    const shape = toShape(extents);
    assertGraph(a.contiguous && a.elements === shape[0] * shape[1] * shape[2], () => `reshape ${a} to [${extents.join(', ')}]`);
    const pointer =
      extents.length === 2
        ? this.ggml.ggml_reshape_2d(this.context, a.pointer, extents[0], extents[1])
        : this.ggml.ggml_reshape_3d(this.context, a.pointer, ...extents);
    return this.packed(pointer, a.type, shape);
  }

  /** A window of `extents` with the given row and plane strides, `offset` bytes into `a`. */
  view(a: Tensor, extents: readonly [number, number, number], rowStride: number, planeStride: number, offset: number): Tensor {
    const [ne0, ne1, ne2] = extents;
    const { blockSize, blockBytes } = GGML_TYPES[a.type];
    const end = offset + (ne2 - 1) * planeStride + (ne1 - 1) * rowStride + (ne0 / blockSize) * blockBytes;
    const capacity = a.shape[3] * a.strides[3];
    assertGraph(ne0 % blockSize === 0 && end <= capacity, () => `view [${extents.join(', ')}] of ${a} ends at ${end} of ${capacity} bytes`);
    const pointer = this.ggml.ggml_view_3d(this.context, a.pointer, ne0, ne1, ne2, rowStride, planeStride, offset);
    return new Tensor(this, pointer, a.type, [ne0, ne1, ne2, 1], [blockBytes, rowStride, planeStride, planeStride * ne2]);
  }

  /** Swaps the second and third axis, without moving data. */
  swapRowsAndPlanes(a: Tensor): Tensor {
    const pointer = this.ggml.ggml_permute(this.context, a.pointer, 0, 2, 1, 3);
    const [n0, n1, n2, n3] = a.shape;
    const [s0, s1, s2, s3] = a.strides;
    return new Tensor(this, pointer, a.type, [n0, n2, n1, n3], [s0, s2, s1, s3]);
  }

  /** A copy without gaps. */
  contiguous(a: Tensor): Tensor {
    return this.packed(this.ggml.ggml_cont(this.context, a.pointer), a.type, a.shape);
  }

  cast(a: Tensor, type: GgmlType): Tensor {
    return this.packed(this.ggml.ggml_cast(this.context, a.pointer, GGML_TYPES[type].id), type, a.shape);
  }

  /** Fills an input; `bytes` of `data` from its start. */
  set(tensor: Tensor, data: Data, bytes: number): void {
    this.ggml.ggml_backend_tensor_set(tensor.pointer, data, 0, bytes);
  }

  /** Reads `bytes` of a result from `offset`. */
  get(tensor: Tensor, into: Data, offset: number, bytes: number): void {
    this.ggml.ggml_backend_tensor_get(tensor.pointer, into, offset, bytes);
  }

  private get ggml(): CpuBackend['native']['ggml'] {
    return this.backend.native.ggml;
  }

  private packed(pointer: Pointer, type: GgmlType, shape: Shape): Tensor {
    return new Tensor(this, pointer, type, shape, packedStrides(type, shape));
  }
}

function sameShape(a: Tensor, b: Tensor): boolean {
  return a.shape.every((extent, axis) => extent === b.shape[axis]);
}

/** Equal extents may be 0: a batch whose logits nobody wants has no rows behind its last attention. */
function repeats(small: Tensor, large: Tensor): boolean {
  const fits = large.shape.every((extent, axis) => extent === small.shape[axis] || extent % (small.shape[axis] ?? 1) === 0);
  return fits && small.type === 'f32' && large.type === 'f32';
}
