import type { DetailedDescription, DetailedEvent, DetailedResult } from '../../core/generator.js';
import type { ScoredAnswer } from '../../core/runtime.js';
import type { EngineOptions } from '../../engine/engine-options.js';
import type { PreparedRequest } from '../prompt/prepared-request.js';

/** What can cross to the engine's process. */
export type EngineLoadOptions = Omit<EngineOptions, 'onPlannedBytes' | 'onLoadBytes' | 'signal'>;

/** Requests that the engine's process serves. */
export interface EngineProtocol {
  load: { request: EngineLoadOptions; event: { readonly done: number; readonly total: number }; result: DetailedDescription };
  generate: { request: PreparedRequest; event: Extract<DetailedEvent, { type: 'token' }>; result: DetailedResult };
  score: {
    request: Pick<PreparedRequest, 'input'> & { readonly tokens: readonly number[] };
    event: never;
    result: ScoredAnswer;
  };
}
