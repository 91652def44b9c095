import type { GenerateRequest, Generator } from './generator.js';
import type { Progress } from './progress.js';

/** Everything that can run a model here; a folder of src/runtimes each. */
export const RUNTIME_NAMES = ['engine', 'llama-cpp', 'llama-server', 'openai-http', 'transformers-js', 'python', 'null'] as const;
export type RuntimeName = (typeof RUNTIME_NAMES)[number];

/** What to compute on. */
export const DEVICES = ['cpu', 'cuda', 'vulkan', 'metal'] as const;
export type Device = (typeof DEVICES)[number];

/** How far weights are reduced, in words that every runtime can obey; docs/RUNTIMES.md says what each makes of them. */
export const QUANTIZATIONS = ['none', 'int8', 'int4'] as const;
export type Quantization = (typeof QUANTIZATIONS)[number];

/** Which model to open, and how. */
export interface RuntimeSpec {
  /** Path of a file (GGUF) or folder (a checkpoint), as the runtime takes it; `openai-http` does not use it. */
  readonly model: string;
  /** Path of the vision half, where it is a file of its own. */
  readonly mmproj?: string;
  /** Address of a server that is there already, without the path of the call: `http://host:8080/v1`. */
  readonly url?: string;
  /** What the server calls the model; null leaves `model` out of the request. Default: the first that the server lists. */
  readonly apiModel?: string | null;
  /** Path of the llama-server program. Default: `$EDGEVLM_LLAMA_SERVER`, else the one on the PATH. */
  readonly llamaServer?: string;
  readonly device: Device;
  readonly quantization: Quantization;
  /** The runtime's own name of a precision (`q8`, `bf16`, …); it wins over `quantization`. */
  readonly precision?: string;
  readonly threads?: number;
  /** Tokens that a prompt and its answer may have together. */
  readonly context?: number;
  /** Whether code that lies beside the weights may run. Default false. */
  readonly allowRemoteCode?: boolean;
  /** Of a model of the hub: a tag or a commit. Default: its newest. */
  readonly revision?: string;
  /** Unsigned 32 bits; for runtimes that draw random numbers outside of sampling. */
  readonly seed?: number;
}

/** What a search for a kind of device has brought. */
export interface FoundDevice {
  readonly device: Device;
  /** The device in its driver's words; null where none can be used. */
  readonly description: string | null;
  /** Why none can be used. */
  readonly problem: string | null;
}

/** Whether a runtime can work on this machine. */
export interface RuntimeCheck {
  readonly available: boolean;
  readonly version: string | null;
  /** What was found, or why it cannot work, one line. */
  readonly detail: string;
  /** Kinds of devices besides the processor that it has kernels for here; absent where it does not look for them. */
  readonly devices?: readonly FoundDevice[];
  /** The command that would make it work; null when it does, or when nothing here can. */
  readonly install: string | null;
}

export interface OpenOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: Progress;
}

/** An answer that a model is to be led along. */
export interface ScoreRequest extends Pick<GenerateRequest, 'input'> {
  /** Tokens of the answer, in the vocabulary of the model. */
  readonly tokens: readonly number[];
}

/** What a model makes of a given answer. */
export interface ScoredAnswer {
  readonly promptTokens: number | null;
  /** What each token of the answer would be chosen from, and what would follow where there is room: [vocabulary] each. */
  readonly logits: readonly Float32Array[];
}

/** A model that a runtime holds. */
export interface OpenRuntime {
  readonly generator: Generator;
  /** Precision that is really computed with, in the runtime's own words, for example `Q4_0` or `fp32`; `unknown` for a remote server. */
  readonly effectivePrecision: string;
  readonly load_ms: number;
  /** What opening spent on loading the runtime's own code, where that is apart from `load_ms`. */
  readonly import_ms?: number;
  /** Processes that hold the model, for probes; none for a server elsewhere. */
  pids(): readonly number[];
  /**
   * Leads the model along an answer, whatever it would say itself; nothing of it is timed. Absent where logits are not told.
   * @throws as `Generator.generate`; MODEL_UNSUPPORTED for a model that does not tell them
   */
  readonly score?: (request: ScoreRequest, signal?: AbortSignal) => Promise<ScoredAnswer>;
  /** Frees the model and ends what `open` started. May be called twice. */
  close(): Promise<void>;
}

/** A way to run models. Opening takes time and memory, checking takes neither. */
export interface Runtime {
  readonly name: RuntimeName;
  /** One line. */
  readonly description: string;
  /** Whether models that it opens have `score`. */
  readonly tellsLogits: boolean;
  /** Never throws for what is missing: it says so. @throws CANCELLED */
  check(signal?: AbortSignal): Promise<RuntimeCheck>;
  /**
   * Loads a model.
   * @throws LOAD_ERROR with the command that installs what is missing; OUT_OF_MEMORY; DEVICE_UNAVAILABLE; MODEL_UNSUPPORTED; USAGE for a
   * setting that this runtime does not have; CANCELLED
   */
  open(spec: RuntimeSpec, options?: OpenOptions): Promise<OpenRuntime>;
}
