import type { GenerateEvent, GenerateRequest, GenerateResult, ModelDescription } from '../../core/generator.js';
import type { EngineOptions } from '../../engine/engine.js';

/** What can cross to the engine's process. */
export type EngineLoadOptions = Omit<EngineOptions, 'onPlannedBytes' | 'onLoadBytes' | 'signal'>;

/** Requests that the engine's process serves. */
export interface EngineProtocol {
  load: { request: EngineLoadOptions; event: { readonly done: number; readonly total: number }; result: ModelDescription };
  generate: { request: GenerateRequest; event: Extract<GenerateEvent, { type: 'token' }>; result: GenerateResult };
}
