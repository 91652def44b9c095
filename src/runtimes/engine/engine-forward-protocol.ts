import type { EngineLoadOptions } from './engine-protocol.js';
import type { ForwardSteps } from '../forward-protocol.js';

/** What the engine can be timed at beyond other runtimes. */
export interface EngineForwardProtocol extends ForwardSteps {
  open: { request: EngineLoadOptions; event: never; result: { readonly load_ms: number; readonly device: string | null } };
  batch: { request: { readonly tokens: number }; event: never; result: number };
  encode: { request: null; event: never; result: number };
}
