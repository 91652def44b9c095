import type { Generator } from './generator.js';
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
  /** Unsigned 32 bits; for runtimes that draw random numbers outside of sampling. */
  readonly seed?: number;
}

/** Whether a runtime can work on this machine. */
export interface RuntimeCheck {
  readonly available: boolean;
  readonly version: string | null;
  /** What was found, or why it cannot work, one line. */
  readonly detail: string;
  /** The command that would make it work; null when it does, or when nothing here can. */
  readonly install: string | null;
}

export interface OpenOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: Progress;
}

/** A model that a runtime holds. */
export interface OpenRuntime {
  readonly generator: Generator;
  /** Precision that is really computed with, in the runtime's own words, for example `Q4_0` or `fp32`; `unknown` for a remote server. */
  readonly effectivePrecision: string;
  readonly load_ms: number;
  /** Processes that hold the model, for probes; none for a server elsewhere. */
  pids(): readonly number[];
  /** Frees the model and ends what `open` started. May be called twice. */
  close(): Promise<void>;
}

/** A way to run models. Opening takes time and memory, checking takes neither. */
export interface Runtime {
  readonly name: RuntimeName;
  /** One line. */
  readonly description: string;
  /** Never throws for what is missing: it says so. @throws CANCELLED */
  check(signal?: AbortSignal): Promise<RuntimeCheck>;
  /**
   * Loads a model.
   * @throws LOAD_ERROR with the command that installs what is missing; OUT_OF_MEMORY; DEVICE_UNAVAILABLE; MODEL_UNSUPPORTED; USAGE for a
   * setting that this runtime does not have; CANCELLED
   */
  open(spec: RuntimeSpec, options?: OpenOptions): Promise<OpenRuntime>;
}
