import type { ModelDescription } from '../../core/generator.js';
import type { ScoredAnswer } from '../../core/runtime.js';
import type { Checkpoint } from '../worker/find-checkpoint.js';
import type { WorkerAnswer, WorkerRequest, WorkerToken } from '../worker/worker-generator.js';

export interface TransformersJsLoad {
  readonly checkpoint: Checkpoint;
  /** Transformers.js's name of a precision: `fp32`, `q8`, … */
  readonly dtype: string;
  readonly threads: number | null;
  readonly context: number | null;
}

/** Requests that the process of Transformers.js serves. */
export interface TransformersJsProtocol {
  load: { request: TransformersJsLoad; event: never; result: ModelDescription };
  generate: { request: WorkerRequest; event: WorkerToken; result: WorkerAnswer };
  score: { request: { readonly request: WorkerRequest; readonly tokens: readonly number[] }; event: never; result: ScoredAnswer };
}
