import { GGML_TYPES, type GgmlType } from '../../formats/gguf/ggml-types.js';
import type { Data, Pointer } from '../ffi/pointer.js';
import type { Backend } from './backend.js';
import type { Resource } from './resource.js';
import { ROPE_MODES, type RopeParameters } from './rope-parameters.js';
import { assertGraph, packedStrides, repeats, sameShape, Tensor, toShape, type Shape } from './tensor.js';
import { TensorContext } from './tensor-context.js';

/** `GGML_PREC_F32`. */
const PRECISION_F32 = 10;

/** `gelu` (by tanh) and `gelu_quick` (x·σ(1.702x)) are read from f16 tables; `gelu_erf` and the others are computed. */
export type Activation = 'gelu' | 'gelu_erf' | 'gelu_quick' | 'relu' | 'hardswish' | 'hardsigmoid';

/**
 * A ggml compute graph under construction. Operations check shapes and types before ggml sees them, because ggml
 * answers a mistake by ending the process. Extents are innermost first, as in ggml.
 */
export class Graph extends TensorContext {
  readonly pointer: Pointer;
  /** What its last run took; undefined before that. */
  took_ms: number | undefined;

  /** @param parents whatever the graph reads: weights, caches */
  constructor(label: string, backend: Backend, capacity: number, parents: readonly Resource[]) {
    const { ggml } = backend.native;
    super(label, backend, capacity, parents, ggml.ggml_graph_overhead_custom(capacity, false));
    this.pointer = ggml.ggml_new_graph_custom(this.context, capacity, false);
  }

  /** A tensor that the caller fills before each run, also where no node reads it. */
  input(type: GgmlType, extents: readonly number[], name: string): Tensor {
    const tensor = this.create(type, extents, name);
    this.ggml.ggml_set_input(tensor.pointer);
    return this.expand(tensor);
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

  /**
   * Sum over j of a[·, j] ⊗ b[·, j], plane by plane: `a` [n, k, p] and f32 `b` [m, k, p] give f32 [n, m, p]. Where `mulMat` wants the axis
   * that is summed over innermost, this wants it second; quantised rows of `a` are read one by one.
   */
  outProduct(a: Tensor, b: Tensor): Tensor {
    const fits = a.shape[1] === b.shape[1] && a.shape[2] === b.shape[2] && a.shape[3] === 1 && b.shape[3] === 1 && b.type === 'f32';
    assertGraph(fits, () => `outer product of ${a} and ${b}`);
    return this.packed(this.ggml.ggml_out_prod(this.context, a.pointer, b.pointer), 'f32', [a.shape[0], b.shape[0], b.shape[2], 1]);
  }

  /** Adds the f32 rows of `a` [n, k] up by i32 `ids` [k] into `rows` rows: f32 [n, rows]. Ids beyond them are the caller's to rule out. */
  scatterRows(a: Tensor, ids: Tensor, rows: number): Tensor {
    const [n, k] = a.shape;
    const fits = a.type === 'f32' && a.elements === n * k && ids.type === 'i32' && ids.elements === k && ids.shape[0] === k;
    assertGraph(fits && a.contiguous && ids.contiguous, () => `scatter ${a} by ${ids}`);
    const like = this.create('f32', [n, rows]);
    return this.packed(this.ggml.ggml_get_rows_back(this.context, a.pointer, ids.pointer, like.pointer), 'f32', like.shape);
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

  /** An activation function, element by element. */
  activate(a: Tensor, activation: Activation): Tensor {
    assertGraph(a.contiguous && a.type === 'f32', () => `${activation} of ${a}`);
    return this.packed(this.ggml[`ggml_${activation}`](this.context, a.pointer), 'f32', a.shape);
  }

  /** a · factor. */
  scale(a: Tensor, factor: number): Tensor {
    assertGraph(a.contiguous && a.type === 'f32', () => `scale ${a}`);
    return this.packed(this.ggml.ggml_scale(this.context, a.pointer, factor), 'f32', a.shape);
  }

  /** The mean of every row: [1, …]. */
  mean(a: Tensor): Tensor {
    assertGraph(a.type === 'f32', () => `mean of ${a}`);
    return this.packed(this.ggml.ggml_mean(this.context, a.pointer), 'f32', [1, a.shape[1], a.shape[2], a.shape[3]]);
  }

  /** silu(gate) · up. */
  swiglu(gate: Tensor, up: Tensor): Tensor {
    assertGraph(sameShape(gate, up), () => `swiglu of ${gate} and ${up}`);
    return this.packed(this.ggml.ggml_swiglu_split(this.context, gate.pointer, up.pointer), 'f32', gate.shape);
  }

  /** Rotates `a` [head size, heads, tokens] by i32 `positions` [tokens]; frequency i is divided by `factors` [dimensions / 2], f32. */
  rope(a: Tensor, positions: Tensor, rope: RopeParameters, factors: Tensor | null = null): Tensor {
    assertGraph(
      positions.type === 'i32' &&
        positions.shape[0] === a.shape[2] &&
        rope.dimensions <= a.shape[0] &&
        rope.dimensions % 2 === 0 &&
        (factors === null || (factors.type === 'f32' && factors.shape[0] >= rope.dimensions / 2)),
      () => `rope of ${a} at ${positions}, factors ${factors ?? 'none'}`,
    );
    const pointer = this.ggml.ggml_rope_ext(
      this.context,
      a.pointer,
      positions.pointer,
      factors?.pointer ?? null,
      rope.dimensions,
      ROPE_MODES[rope.mode],
      rope.yarn.originalContext,
      rope.base,
      rope.scale,
      rope.yarn.mix,
      rope.yarn.attention,
      rope.yarn.betaFast,
      rope.yarn.betaSlow,
    );
    return this.packed(pointer, a.type, a.shape);
  }

  /** Softmax of every row of a · scale + mask; `mask` f16 [row, rows] counts for every plane. */
  softMax(a: Tensor, mask: Tensor | null, scale: number): Tensor {
    const masked = mask === null || (mask.type === 'f16' && mask.contiguous && mask.shape[0] === a.shape[0] && mask.shape[1] >= a.shape[1]);
    assertGraph(masked && a.type === 'f32' && a.contiguous, () => `softmax of ${a} under ${mask ?? 'no mask'}`);
    return this.packed(this.ggml.ggml_soft_max_ext(this.context, a.pointer, mask?.pointer ?? null, scale, 0), 'f32', a.shape);
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

  /**
   * Convolution of every channel by itself, zeros around: `kernel` [3, 3, channels] in f32, `x` [channels, width, height].
   * @returns [channels, ⌈width / stride⌉, ⌈height / stride⌉]
   */
  depthwiseConvolution(kernel: Tensor, x: Tensor, stride: 1 | 2): Tensor {
    const [channels, width, height] = x.shape;
    const fits = kernel.elements === 9 * channels && kernel.type === 'f32' && x.type === 'f32' && kernel.contiguous && x.contiguous;
    assertGraph(fits, () => `convolution of ${x} by ${kernel}`);
    const { ggml, context } = this;
    // ggml's fast kernel wants channels innermost in memory, yet axes in the order [width, height, 1 or channels, channels or 1].
    const byChannel = this.contiguous(this.transpose(this.reshape(kernel, [9, channels])));
    const weights = ggml.ggml_permute(context, ggml.ggml_reshape_4d(context, byChannel.pointer, channels, 1, 3, 3), 3, 2, 0, 1);
    const picture = ggml.ggml_permute(context, x.pointer, 2, 0, 1, 3);
    const result = ggml.ggml_conv_2d_dw_direct(context, weights, picture, stride, stride, 1, 1, 1, 1);
    const shape = toShape([channels, Math.ceil(width / stride), Math.ceil(height / stride)]);
    return this.packed(ggml.ggml_permute(context, result, 1, 2, 0, 3), 'f32', shape);
  }

  /** `a` [n, m] followed by `b` [n, k]: [n, m + k]. */
  append(a: Tensor, b: Tensor): Tensor {
    const fits = a.shape[0] === b.shape[0] && a.shape[2] === 1 && b.shape[2] === 1 && a.type === 'f32' && b.type === 'f32';
    assertGraph(fits, () => `append ${b} to ${a}`);
    return this.packed(this.ggml.ggml_concat(this.context, a.pointer, b.pointer, 1), 'f32', toShape([a.shape[0], a.shape[1] + b.shape[1]]));
  }

  /** The rows of `a` [n, m, p] continued by those of `b` [k, m, p], both f32: [n + k, m, p]. */
  beside(a: Tensor, b: Tensor): Tensor {
    const fits = a.shape[1] === b.shape[1] && a.shape[2] === b.shape[2] && a.shape[3] === b.shape[3];
    assertGraph(fits && a.type === 'f32' && b.type === 'f32', () => `put ${b} beside ${a}`);
    const [n, ...rest] = a.shape;
    return this.packed(this.ggml.ggml_concat(this.context, a.pointer, b.pointer, 0), 'f32', [n + b.shape[0], ...rest]);
  }

  /** `a` as often as it takes to fill these extents. */
  repeat(a: Tensor, extents: Shape): Tensor {
    const fits = extents.every((extent, axis) => extent % (a.shape[axis] ?? 1) === 0) && a.type === 'f32';
    assertGraph(fits, () => `repeat ${a} to [${extents.join(', ')}]`);
    return this.packed(this.ggml.ggml_repeat_4d(this.context, a.pointer, ...extents), 'f32', extents);
  }

  reshape(
    a: Tensor,
    extents: readonly [number, number] | readonly [number, number, number] | readonly [number, number, number, number],
  ): Tensor {
    const shape = toShape(extents);
    const elements = shape.reduce((product, extent) => product * extent, 1);
    assertGraph(a.contiguous && a.elements === elements, () => `reshape ${a} to [${extents.join(', ')}]`);
    return this.packed(this.ggml.ggml_reshape_4d(this.context, a.pointer, ...shape), a.type, shape);
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

  /** Rows [n, rows, planes], one after another in a plane, as [n, group, rows / group, planes], without moving data. */
  groupRows(a: Tensor, group: number): Tensor {
    const [n, rows, planes, cubes] = a.shape;
    const [element, row, plane] = a.strides;
    assertGraph(rows % group === 0 && cubes === 1, () => `groups of ${group} rows of ${a}`);
    const shape: Shape = [n, group, rows / group, planes];
    const pointer = this.ggml.ggml_view_4d(this.context, a.pointer, ...shape, row, row * group, plane, 0);
    return new Tensor(this, pointer, a.type, shape, [element, row, row * group, plane]);
  }

  /** Swaps the first two axes, without moving data. */
  transpose(a: Tensor): Tensor {
    return this.permute(a, [1, 0, 2, 3]);
  }

  /** Swaps the second and third axis, without moving data. */
  swapRowsAndPlanes(a: Tensor): Tensor {
    return this.permute(a, [0, 2, 1, 3]);
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

  private get ggml(): Backend['native']['ggml'] {
    return this.backend.native.ggml;
  }

  /** Axis i of the result is axis `order[i]` of `a`; the orders here are their own inverse, so ggml reads them alike. */
  private permute(a: Tensor, order: readonly [0 | 1, 0 | 1 | 2, 1 | 2, 3]): Tensor {
    const pointer = this.ggml.ggml_permute(this.context, a.pointer, ...order);
    const [x, y, z, w] = order;
    const { shape, strides } = a;
    return new Tensor(this, pointer, a.type, [shape[x], shape[y], shape[z], shape[w]], [strides[x], strides[y], strides[z], strides[w]]);
  }

  private packed(pointer: Pointer, type: GgmlType, shape: Shape): Tensor {
    return new Tensor(this, pointer, type, shape, packedStrides(type, shape));
  }
}
