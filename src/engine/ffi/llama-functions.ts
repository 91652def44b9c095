import koffi, { type LibraryHandle } from 'koffi';

import { bindAll, type Declarations } from './bind.js';
import type { Data, Pointer } from './pointer.js';

/** `struct llama_model_params`, llama.h of the pinned release, field by field. */
const MODEL_PARAMS = {
  devices: 'void*',
  tensor_buft_overrides: 'void*',
  n_gpu_layers: 'int32_t',
  split_mode: 'int',
  load_mode: 'int',
  lazy_mode: 'int',
  main_gpu: 'int32_t',
  tensor_split: 'void*',
  progress_callback: 'void*',
  progress_callback_user_data: 'void*',
  kv_overrides: 'void*',
  vocab_only: 'bool',
  check_tensors: 'bool',
  use_extra_bufts: 'bool',
  no_host: 'bool',
  no_alloc: 'bool',
  load_mtp: 'bool',
};

/** `struct llama_context_params`. */
const CONTEXT_PARAMS = {
  n_ctx: 'uint32_t',
  n_batch: 'uint32_t',
  n_ubatch: 'uint32_t',
  n_seq_max: 'uint32_t',
  n_rs_seq: 'uint32_t',
  n_outputs_max: 'uint32_t',
  n_outputs_max_per_seq: 'uint32_t',
  n_threads: 'int32_t',
  n_threads_batch: 'int32_t',
  ctx_type: 'int',
  rope_scaling_type: 'int',
  pooling_type: 'int',
  attention_type: 'int',
  flash_attn_type: 'int',
  rope_freq_base: 'float',
  rope_freq_scale: 'float',
  yarn_ext_factor: 'float',
  yarn_attn_factor: 'float',
  yarn_beta_fast: 'float',
  yarn_beta_slow: 'float',
  yarn_orig_ctx: 'uint32_t',
  defrag_thold: 'float',
  cb_eval: 'void*',
  cb_eval_user_data: 'void*',
  type_k: 'int',
  type_v: 'int',
  abort_callback: 'void*',
  abort_callback_data: 'void*',
  embeddings: 'bool',
  offload_kqv: 'bool',
  no_perf: 'bool',
  op_offload: 'bool',
  swa_full: 'bool',
  kv_unified: 'bool',
  samplers: 'void*',
  n_samplers: 'size_t',
  ctx_other: 'void*',
};

/** `struct llama_model_quantize_params`. */
const QUANTIZE_PARAMS = {
  nthread: 'int32_t',
  ftype: 'int',
  output_tensor_type: 'int',
  token_embedding_type: 'int',
  allow_requantize: 'bool',
  quantize_output_tensor: 'bool',
  only_copy: 'bool',
  pure: 'bool',
  keep_split: 'bool',
  dry_run: 'bool',
  imatrix: 'void*',
  kv_overrides: 'void*',
  tt_overrides: 'void*',
  prune_layers: 'void*',
  max_buf_size: 'size_t',
};

/** `struct llama_batch`. */
const BATCH = { n_tokens: 'int32_t', token: 'void*', embd: 'void*', pos: 'void*', n_seq_id: 'void*', seq_id: 'void*', logits: 'void*' };

type Struct<Fields> = Record<keyof Fields, number | bigint | boolean | null>;
export type LlamaModelParams = Struct<typeof MODEL_PARAMS>;
export type LlamaContextParams = Struct<typeof CONTEXT_PARAMS>;
export type LlamaQuantizeParams = Struct<typeof QUANTIZE_PARAMS>;
export type LlamaBatch = Struct<typeof BATCH>;

/**
 * The part of libllama that we call: vocabularies and samplers for the engine, quantisation for the converter,
 * and its own forward pass as the peer that the engine is checked and measured against.
 */
export interface LlamaFunctions {
  llama_backend_init: () => void;
  llama_model_default_params: () => LlamaModelParams;
  llama_model_load_from_file: (path: string, parameters: LlamaModelParams) => Pointer | null;
  llama_model_free: (model: Pointer) => void;
  llama_model_get_vocab: (model: Pointer) => Pointer;

  llama_vocab_n_tokens: (vocabulary: Pointer) => number;
  llama_vocab_is_eog: (vocabulary: Pointer, token: number) => boolean;
  llama_vocab_is_control: (vocabulary: Pointer, token: number) => boolean;
  llama_vocab_bos: (vocabulary: Pointer) => number;
  llama_vocab_eos: (vocabulary: Pointer) => number;
  llama_vocab_get_add_bos: (vocabulary: Pointer) => boolean;
  llama_vocab_get_add_eos: (vocabulary: Pointer) => boolean;
  llama_vocab_get_text: (vocabulary: Pointer, token: number) => string;
  llama_tokenize: (
    vocabulary: Pointer,
    text: Data,
    bytes: number,
    tokens: Data,
    capacity: number,
    addSpecial: boolean,
    parseSpecial: boolean,
  ) => number;
  llama_token_to_piece: (vocabulary: Pointer, token: number, text: Data, capacity: number, strip: number, special: boolean) => number;

  llama_sampler_chain_default_params: () => { no_perf: boolean };
  llama_sampler_chain_init: (parameters: { no_perf: boolean }) => Pointer;
  llama_sampler_chain_add: (chain: Pointer, sampler: Pointer) => void;
  llama_sampler_init_greedy: () => Pointer;
  llama_sampler_init_dist: (seed: number) => Pointer;
  llama_sampler_init_top_k: (k: number) => Pointer;
  llama_sampler_init_top_p: (p: number, minKeep: number) => Pointer;
  llama_sampler_init_min_p: (p: number, minKeep: number) => Pointer;
  llama_sampler_init_temp: (temperature: number) => Pointer;
  llama_sampler_init_penalties: (vocabulary: number, lastN: number, repeat: number, frequency: number, presence: number) => Pointer;
  llama_sampler_init_grammar: (vocabulary: Pointer, grammar: string, root: string) => Pointer | null;
  llama_sampler_apply: (sampler: Pointer, candidates: Pointer) => void;
  llama_sampler_accept: (sampler: Pointer, token: number) => void;
  llama_sampler_free: (sampler: Pointer) => void;

  llama_context_default_params: () => LlamaContextParams;
  llama_init_from_model: (model: Pointer, parameters: LlamaContextParams) => Pointer | null;
  llama_free: (context: Pointer) => void;
  llama_attach_threadpool: (context: Pointer, threadpool: Pointer, batchThreadpool: Pointer | null) => void;
  llama_get_memory: (context: Pointer) => Pointer;
  llama_memory_seq_rm: (memory: Pointer, sequence: number, from: number, to: number) => boolean;
  llama_batch_get_one: (tokens: Pointer, count: number) => LlamaBatch;
  llama_decode: (context: Pointer, batch: LlamaBatch) => number;
  llama_get_logits_ith: (context: Pointer, index: number) => Pointer | null;

  llama_model_quantize_default_params: () => LlamaQuantizeParams;
  llama_model_quantize: (input: string, output: string, parameters: LlamaQuantizeParams) => number;
}

const DECLARATIONS: Declarations<LlamaFunctions> = {
  llama_backend_init: 'void llama_backend_init()',
  llama_model_default_params: 'llama_model_params llama_model_default_params()',
  llama_model_load_from_file: 'void* llama_model_load_from_file(const char* path, llama_model_params params)',
  llama_model_free: 'void llama_model_free(void* model)',
  llama_model_get_vocab: 'void* llama_model_get_vocab(void* model)',

  llama_vocab_n_tokens: 'int32_t llama_vocab_n_tokens(void* vocab)',
  llama_vocab_is_eog: 'bool llama_vocab_is_eog(void* vocab, int32_t token)',
  llama_vocab_is_control: 'bool llama_vocab_is_control(void* vocab, int32_t token)',
  llama_vocab_bos: 'int32_t llama_vocab_bos(void* vocab)',
  llama_vocab_eos: 'int32_t llama_vocab_eos(void* vocab)',
  llama_vocab_get_add_bos: 'bool llama_vocab_get_add_bos(void* vocab)',
  llama_vocab_get_add_eos: 'bool llama_vocab_get_add_eos(void* vocab)',
  llama_vocab_get_text: 'const char* llama_vocab_get_text(void* vocab, int32_t token)',
  llama_tokenize:
    'int32_t llama_tokenize(void* vocab, void* text, int32_t text_len, void* tokens, int32_t n_max, bool add_special, bool parse_special)',
  llama_token_to_piece: 'int32_t llama_token_to_piece(void* vocab, int32_t token, void* buf, int32_t length, int32_t lstrip, bool special)',

  llama_sampler_chain_default_params: 'llama_sampler_chain_params llama_sampler_chain_default_params()',
  llama_sampler_chain_init: 'void* llama_sampler_chain_init(llama_sampler_chain_params params)',
  llama_sampler_chain_add: 'void llama_sampler_chain_add(void* chain, void* smpl)',
  llama_sampler_init_greedy: 'void* llama_sampler_init_greedy()',
  llama_sampler_init_dist: 'void* llama_sampler_init_dist(uint32_t seed)',
  llama_sampler_init_top_k: 'void* llama_sampler_init_top_k(int32_t k)',
  llama_sampler_init_top_p: 'void* llama_sampler_init_top_p(float p, size_t min_keep)',
  llama_sampler_init_min_p: 'void* llama_sampler_init_min_p(float p, size_t min_keep)',
  llama_sampler_init_temp: 'void* llama_sampler_init_temp(float t)',
  llama_sampler_init_penalties:
    'void* llama_sampler_init_penalties(int32_t n_vocab, int32_t last_n, float repeat, float freq, float present)',
  llama_sampler_init_grammar: 'void* llama_sampler_init_grammar(void* vocab, const char* grammar_str, const char* grammar_root)',
  llama_sampler_apply: 'void llama_sampler_apply(void* smpl, void* cur_p)',
  llama_sampler_accept: 'void llama_sampler_accept(void* smpl, int32_t token)',
  llama_sampler_free: 'void llama_sampler_free(void* smpl)',

  llama_context_default_params: 'llama_context_params llama_context_default_params()',
  llama_init_from_model: 'void* llama_init_from_model(void* model, llama_context_params params)',
  llama_free: 'void llama_free(void* ctx)',
  llama_attach_threadpool: 'void llama_attach_threadpool(void* ctx, void* threadpool, void* threadpool_batch)',
  llama_get_memory: 'void* llama_get_memory(void* ctx)',
  llama_memory_seq_rm: 'bool llama_memory_seq_rm(void* mem, int32_t seq, int32_t p0, int32_t p1)',
  llama_batch_get_one: 'llama_batch llama_batch_get_one(void* tokens, int32_t n_tokens)',
  llama_decode: 'int32_t llama_decode(void* ctx, llama_batch batch)',
  llama_get_logits_ith: 'void* llama_get_logits_ith(void* ctx, int32_t i)',

  llama_model_quantize_default_params: 'llama_model_quantize_params llama_model_quantize_default_params()',
  llama_model_quantize: 'uint32_t llama_model_quantize(const char* in, const char* out, llama_model_quantize_params* params)',
};

/** Binds the functions of libllama. */
export function bindLlama(library: LibraryHandle): LlamaFunctions {
  koffi.struct('llama_model_params', MODEL_PARAMS);
  koffi.struct('llama_context_params', CONTEXT_PARAMS);
  koffi.struct('llama_model_quantize_params', QUANTIZE_PARAMS);
  koffi.struct('llama_sampler_chain_params', { no_perf: 'bool' });
  koffi.struct('llama_batch', BATCH);
  return bindAll(() => library, DECLARATIONS);
}
