import koffi, { type LibraryHandle } from 'koffi';

import { bindAll, type Declarations } from './bind.js';
import type { Data, Pointer } from './pointer.js';

type T = Pointer;

/** The part of ggml that the engine calls. Names and order of arguments are ggml's (ggml.h, ggml-alloc.h, ggml-backend.h). */
export interface GgmlFunctions {
  // Context and graph
  ggml_init(parameters: { mem_size: number; mem_buffer: null; no_alloc: boolean }): Pointer | null;
  ggml_free: (context: Pointer) => void;
  ggml_tensor_overhead: () => number;
  ggml_quantize_chunk: (type: number, from: Data, to: Data, start: number, rows: number, rowLength: number, importance: null) => number;
  ggml_graph_overhead_custom: (size: number, gradients: boolean) => number;
  ggml_new_graph_custom: (context: Pointer, size: number, gradients: boolean) => Pointer;
  ggml_build_forward_expand: (graph: Pointer, tensor: T) => void;
  ggml_graph_n_nodes: (graph: Pointer) => number;
  ggml_graph_node: (graph: Pointer, index: number) => T;
  ggml_graph_add_node: (graph: Pointer, tensor: T) => void;
  ggml_new_tensor_4d: (context: Pointer, type: number, ne0: number, ne1: number, ne2: number, ne3: number) => T;
  ggml_set_name: (tensor: T, name: string) => T;
  ggml_set_input: (tensor: T) => void;
  ggml_set_output: (tensor: T) => void;

  // Operations
  ggml_add: (c: Pointer, a: T, b: T) => T;
  ggml_mul: (c: Pointer, a: T, b: T) => T;
  ggml_mul_mat: (c: Pointer, weight: T, x: T) => T;
  ggml_out_prod: (c: Pointer, a: T, b: T) => T;
  ggml_get_rows: (c: Pointer, a: T, ids: T) => T;
  ggml_get_rows_back: (c: Pointer, a: T, ids: T, like: T) => T;
  ggml_set_rows: (c: Pointer, destination: T, source: T, ids: T) => T;
  ggml_norm: (c: Pointer, a: T, epsilon: number) => T;
  ggml_rms_norm: (c: Pointer, a: T, epsilon: number) => T;
  ggml_scale: (c: Pointer, a: T, factor: number) => T;
  ggml_mean: (c: Pointer, a: T) => T;
  ggml_gelu: (c: Pointer, a: T) => T;
  ggml_gelu_erf: (c: Pointer, a: T) => T;
  ggml_gelu_quick: (c: Pointer, a: T) => T;
  ggml_relu: (c: Pointer, a: T) => T;
  ggml_hardswish: (c: Pointer, a: T) => T;
  ggml_hardsigmoid: (c: Pointer, a: T) => T;
  ggml_swiglu_split: (c: Pointer, gate: T, up: T) => T;
  ggml_rope_ext: (
    c: Pointer,
    a: T,
    positions: T,
    factors: T | null,
    dimensions: number,
    mode: number,
    originalContext: number,
    base: number,
    scale: number,
    ext: number,
    attention: number,
    betaFast: number,
    betaSlow: number,
  ) => T;
  ggml_soft_max_ext: (c: Pointer, a: T, mask: T | null, scale: number, maxBias: number) => T;
  ggml_flash_attn_ext: (c: Pointer, q: T, k: T, v: T, mask: T | null, scale: number, maxBias: number, softcap: number) => T;
  ggml_flash_attn_ext_set_prec: (attention: T, precision: number) => void;
  ggml_concat: (c: Pointer, a: T, b: T, axis: number) => T;
  ggml_conv_2d_dw_direct: (
    c: Pointer,
    kernel: T,
    x: T,
    stride0: number,
    stride1: number,
    padding0: number,
    padding1: number,
    dilation0: number,
    dilation1: number,
  ) => T;
  ggml_reshape_4d: (c: Pointer, a: T, ne0: number, ne1: number, ne2: number, ne3: number) => T;
  ggml_view_3d: (c: Pointer, a: T, ne0: number, ne1: number, ne2: number, nb1: number, nb2: number, offset: number) => T;
  ggml_view_4d: (
    c: Pointer,
    a: T,
    ne0: number,
    ne1: number,
    ne2: number,
    ne3: number,
    nb1: number,
    nb2: number,
    nb3: number,
    offset: number,
  ) => T;
  ggml_permute: (c: Pointer, a: T, axis0: number, axis1: number, axis2: number, axis3: number) => T;
  ggml_cont: (c: Pointer, a: T) => T;
  ggml_repeat_4d: (c: Pointer, a: T, ne0: number, ne1: number, ne2: number, ne3: number) => T;
  ggml_cast: (c: Pointer, a: T, type: number) => T;

  // Allocation
  ggml_gallocr_new: (bufferType: Pointer) => Pointer | null;
  ggml_gallocr_free: (allocator: Pointer) => void;
  ggml_gallocr_alloc_graph: (allocator: Pointer, graph: Pointer) => boolean;
  ggml_gallocr_get_buffer_size: (allocator: Pointer, buffer: number) => number;
  ggml_backend_buft_name: (bufferType: Pointer) => string;
  ggml_backend_buft_alloc_buffer: (bufferType: Pointer, bytes: number) => Pointer | null;
  ggml_backend_buft_get_alloc_size: (bufferType: Pointer, tensor: T) => number;
  ggml_backend_buft_get_alignment: (bufferType: Pointer) => number;
  /** A bigint where it is beyond 2^53. */
  ggml_backend_buft_get_max_size: (bufferType: Pointer) => number | bigint;
  ggml_backend_cpu_buffer_from_ptr: (memory: Pointer, bytes: number) => Pointer | null;
  ggml_backend_buffer_get_base: (buffer: Pointer) => Pointer;
  ggml_backend_buffer_clear: (buffer: Pointer, value: number) => void;
  ggml_backend_buffer_set_usage: (buffer: Pointer, usage: number) => void;
  ggml_backend_buffer_get_type: (buffer: Pointer) => Pointer;
  ggml_backend_buffer_free: (buffer: Pointer) => void;
  ggml_backend_tensor_alloc: (buffer: Pointer, tensor: T, address: bigint) => number;
  ggml_backend_tensor_set: (tensor: T, data: Data, offset: number, bytes: number) => void;
  ggml_backend_tensor_get: (tensor: T, data: Data, offset: number, bytes: number) => void;

  // Backend
  ggml_backend_load_all_from_path: (directory: string) => void;
  ggml_backend_load: (path: string) => Pointer | null;
  ggml_backend_dev_count: () => number;
  ggml_backend_dev_get: (index: number) => Pointer;
  ggml_backend_init_by_type: (type: number, parameters: string | null) => Pointer | null;
  ggml_backend_dev_init: (device: Pointer, parameters: string | null) => Pointer | null;
  /** Each gets a `size_t`. */
  ggml_backend_dev_memory: (device: Pointer, free: Data, total: Data) => void;
  ggml_backend_free: (backend: Pointer) => void;
  ggml_backend_get_default_buffer_type: (backend: Pointer) => Pointer;
  ggml_backend_get_device: (backend: Pointer) => Pointer;
  ggml_backend_dev_backend_reg: (device: Pointer) => Pointer;
  ggml_backend_dev_name: (device: Pointer) => string;
  ggml_backend_dev_type: (device: Pointer) => number;
  ggml_backend_reg_name: (registry: Pointer) => string;
  ggml_backend_dev_description: (device: Pointer) => string;
  ggml_backend_dev_supports_op: (device: Pointer, operation: T) => boolean;
  ggml_backend_dev_supports_buft: (device: Pointer, bufferType: Pointer) => boolean;
  ggml_backend_reg_get_proc_address: (registry: Pointer, name: string) => Pointer | null;
  ggml_backend_graph_compute: (backend: Pointer, graph: Pointer) => number;
  ggml_threadpool_params_init: (parameters: Data, threads: number) => void;

  // Graphs that two backends share
  ggml_graph_size: (graph: Pointer) => number;
  ggml_op_desc: (tensor: T) => string;
  ggml_backend_sched_new: (
    backends: Data,
    bufferTypes: null,
    count: number,
    graphSize: number,
    parallel: boolean,
    offload: boolean,
  ) => Pointer | null;
  ggml_backend_sched_free: (scheduler: Pointer) => void;
  ggml_backend_sched_alloc_graph: (scheduler: Pointer, graph: Pointer) => boolean;
  ggml_backend_sched_graph_compute: (scheduler: Pointer, graph: Pointer) => number;
}

const DECLARATIONS: Declarations<GgmlFunctions> = {
  ggml_init: 'void* ggml_init(ggml_init_params p)',
  ggml_free: 'void ggml_free(void* ctx)',
  ggml_tensor_overhead: 'size_t ggml_tensor_overhead()',
  ggml_quantize_chunk:
    'size_t ggml_quantize_chunk(int type, void* from, void* to, int64_t start, int64_t rows, int64_t row_length, void* importance)',
  ggml_graph_overhead_custom: 'size_t ggml_graph_overhead_custom(size_t size, bool grads)',
  ggml_new_graph_custom: 'void* ggml_new_graph_custom(void* ctx, size_t size, bool grads)',
  ggml_build_forward_expand: 'void ggml_build_forward_expand(void* graph, void* t)',
  ggml_graph_n_nodes: 'int ggml_graph_n_nodes(void* graph)',
  ggml_graph_node: 'void* ggml_graph_node(void* graph, int i)',
  ggml_graph_add_node: 'void ggml_graph_add_node(void* graph, void* t)',
  ggml_new_tensor_4d: 'void* ggml_new_tensor_4d(void* ctx, int type, int64_t ne0, int64_t ne1, int64_t ne2, int64_t ne3)',
  ggml_set_name: 'void* ggml_set_name(void* t, const char* name)',
  ggml_set_input: 'void ggml_set_input(void* t)',
  ggml_set_output: 'void ggml_set_output(void* t)',

  ggml_add: 'void* ggml_add(void* ctx, void* a, void* b)',
  ggml_mul: 'void* ggml_mul(void* ctx, void* a, void* b)',
  ggml_mul_mat: 'void* ggml_mul_mat(void* ctx, void* w, void* x)',
  ggml_out_prod: 'void* ggml_out_prod(void* ctx, void* a, void* b)',
  ggml_get_rows: 'void* ggml_get_rows(void* ctx, void* a, void* ids)',
  ggml_get_rows_back: 'void* ggml_get_rows_back(void* ctx, void* a, void* ids, void* like)',
  ggml_set_rows: 'void* ggml_set_rows(void* ctx, void* dst, void* src, void* ids)',
  ggml_norm: 'void* ggml_norm(void* ctx, void* a, float eps)',
  ggml_rms_norm: 'void* ggml_rms_norm(void* ctx, void* a, float eps)',
  ggml_scale: 'void* ggml_scale(void* ctx, void* a, float s)',
  ggml_mean: 'void* ggml_mean(void* ctx, void* a)',
  ggml_gelu: 'void* ggml_gelu(void* ctx, void* a)',
  ggml_gelu_erf: 'void* ggml_gelu_erf(void* ctx, void* a)',
  ggml_gelu_quick: 'void* ggml_gelu_quick(void* ctx, void* a)',
  ggml_relu: 'void* ggml_relu(void* ctx, void* a)',
  ggml_hardswish: 'void* ggml_hardswish(void* ctx, void* a)',
  ggml_hardsigmoid: 'void* ggml_hardsigmoid(void* ctx, void* a)',
  ggml_swiglu_split: 'void* ggml_swiglu_split(void* ctx, void* gate, void* up)',
  ggml_rope_ext:
    'void* ggml_rope_ext(void* ctx, void* a, void* pos, void* ff, int n_dims, int mode, int n_ctx_orig, float base, float scale, float ext, float attn, float fast, float slow)',
  ggml_soft_max_ext: 'void* ggml_soft_max_ext(void* ctx, void* a, void* mask, float scale, float max_bias)',
  ggml_flash_attn_ext:
    'void* ggml_flash_attn_ext(void* ctx, void* q, void* k, void* v, void* mask, float scale, float max_bias, float softcap)',
  ggml_flash_attn_ext_set_prec: 'void ggml_flash_attn_ext_set_prec(void* a, int prec)',
  ggml_concat: 'void* ggml_concat(void* ctx, void* a, void* b, int dim)',
  ggml_conv_2d_dw_direct: 'void* ggml_conv_2d_dw_direct(void* ctx, void* a, void* b, int s0, int s1, int p0, int p1, int d0, int d1)',
  ggml_reshape_4d: 'void* ggml_reshape_4d(void* ctx, void* a, int64_t ne0, int64_t ne1, int64_t ne2, int64_t ne3)',
  ggml_view_3d: 'void* ggml_view_3d(void* ctx, void* a, int64_t ne0, int64_t ne1, int64_t ne2, size_t nb1, size_t nb2, size_t offset)',
  ggml_view_4d:
    'void* ggml_view_4d(void* ctx, void* a, int64_t ne0, int64_t ne1, int64_t ne2, int64_t ne3, size_t nb1, size_t nb2, size_t nb3, size_t offset)',
  ggml_permute: 'void* ggml_permute(void* ctx, void* a, int x, int y, int z, int w)',
  ggml_cont: 'void* ggml_cont(void* ctx, void* a)',
  ggml_repeat_4d: 'void* ggml_repeat_4d(void* ctx, void* a, int64_t ne0, int64_t ne1, int64_t ne2, int64_t ne3)',
  ggml_cast: 'void* ggml_cast(void* ctx, void* a, int type)',

  ggml_gallocr_new: 'void* ggml_gallocr_new(void* buft)',
  ggml_gallocr_free: 'void ggml_gallocr_free(void* galloc)',
  ggml_gallocr_alloc_graph: 'bool ggml_gallocr_alloc_graph(void* galloc, void* graph)',
  ggml_gallocr_get_buffer_size: 'size_t ggml_gallocr_get_buffer_size(void* galloc, int buffer_id)',
  ggml_backend_buft_name: 'const char* ggml_backend_buft_name(void* buft)',
  ggml_backend_buft_alloc_buffer: 'void* ggml_backend_buft_alloc_buffer(void* buft, size_t size)',
  ggml_backend_buft_get_alloc_size: 'size_t ggml_backend_buft_get_alloc_size(void* buft, void* t)',
  ggml_backend_buft_get_alignment: 'size_t ggml_backend_buft_get_alignment(void* buft)',
  ggml_backend_buft_get_max_size: 'size_t ggml_backend_buft_get_max_size(void* buft)',
  ggml_backend_cpu_buffer_from_ptr: 'void* ggml_backend_cpu_buffer_from_ptr(void* ptr, size_t size)',
  ggml_backend_buffer_get_base: 'void* ggml_backend_buffer_get_base(void* buffer)',
  ggml_backend_buffer_clear: 'void ggml_backend_buffer_clear(void* buffer, uint8_t value)',
  ggml_backend_buffer_set_usage: 'void ggml_backend_buffer_set_usage(void* buffer, int usage)',
  ggml_backend_buffer_get_type: 'void* ggml_backend_buffer_get_type(void* buffer)',
  ggml_backend_buffer_free: 'void ggml_backend_buffer_free(void* buffer)',
  ggml_backend_tensor_alloc: 'int ggml_backend_tensor_alloc(void* buffer, void* t, void* addr)',
  ggml_backend_tensor_set: 'void ggml_backend_tensor_set(void* t, const void* data, size_t offset, size_t size)',
  ggml_backend_tensor_get: 'void ggml_backend_tensor_get(void* t, void* data, size_t offset, size_t size)',

  ggml_backend_load_all_from_path: 'void ggml_backend_load_all_from_path(const char* path)',
  ggml_backend_load: 'void* ggml_backend_load(const char* path)',
  ggml_backend_dev_count: 'size_t ggml_backend_dev_count()',
  ggml_backend_dev_get: 'void* ggml_backend_dev_get(size_t index)',
  ggml_backend_init_by_type: 'void* ggml_backend_init_by_type(int type, const char* params)',
  ggml_backend_dev_init: 'void* ggml_backend_dev_init(void* dev, const char* params)',
  ggml_backend_dev_memory: 'void ggml_backend_dev_memory(void* dev, void* free, void* total)',
  ggml_backend_free: 'void ggml_backend_free(void* backend)',
  ggml_backend_get_default_buffer_type: 'void* ggml_backend_get_default_buffer_type(void* backend)',
  ggml_backend_get_device: 'void* ggml_backend_get_device(void* backend)',
  ggml_backend_dev_backend_reg: 'void* ggml_backend_dev_backend_reg(void* dev)',
  ggml_backend_dev_name: 'const char* ggml_backend_dev_name(void* dev)',
  ggml_backend_dev_type: 'int ggml_backend_dev_type(void* dev)',
  ggml_backend_reg_name: 'const char* ggml_backend_reg_name(void* reg)',
  ggml_backend_dev_description: 'const char* ggml_backend_dev_description(void* dev)',
  ggml_backend_dev_supports_op: 'bool ggml_backend_dev_supports_op(void* dev, void* op)',
  ggml_backend_dev_supports_buft: 'bool ggml_backend_dev_supports_buft(void* dev, void* buft)',
  ggml_backend_reg_get_proc_address: 'void* ggml_backend_reg_get_proc_address(void* reg, const char* name)',
  ggml_backend_graph_compute: 'int ggml_backend_graph_compute(void* backend, void* graph)',
  ggml_threadpool_params_init: 'void ggml_threadpool_params_init(void* p, int n_threads)',

  ggml_graph_size: 'int ggml_graph_size(void* graph)',
  ggml_op_desc: 'const char* ggml_op_desc(void* t)',
  ggml_backend_sched_new:
    'void* ggml_backend_sched_new(void* backends, void* bufts, int n_backends, size_t graph_size, bool parallel, bool op_offload)',
  ggml_backend_sched_free: 'void ggml_backend_sched_free(void* sched)',
  ggml_backend_sched_alloc_graph: 'bool ggml_backend_sched_alloc_graph(void* sched, void* graph)',
  ggml_backend_sched_graph_compute: 'int ggml_backend_sched_graph_compute(void* sched, void* graph)',
};

/** These live in the registry library; everything else is in ggml-base. */
const IN_REGISTRY: ReadonlySet<string> = new Set([
  'ggml_backend_load_all_from_path',
  'ggml_backend_load',
  'ggml_backend_dev_count',
  'ggml_backend_dev_get',
  'ggml_backend_init_by_type',
]);

/** Binds the functions; `base` is libggml-base and `registry` libggml. */
export function bindGgml(base: LibraryHandle, registry: LibraryHandle): GgmlFunctions {
  koffi.struct('ggml_init_params', { mem_size: 'size_t', mem_buffer: 'void*', no_alloc: 'bool' });
  return bindAll((name) => (IN_REGISTRY.has(name) ? registry : base), DECLARATIONS);
}
