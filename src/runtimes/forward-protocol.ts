import type { DecodeSamples } from '../core/forward-pass.js';

/** Requests of a process that times a bare forward pass; see `ForwardPass`. */
export interface ForwardProtocol {
  open: {
    request: { readonly model: string; readonly threads: number; readonly context: number };
    event: never;
    result: { readonly load_ms: number };
  };
  prefill: { request: { readonly tokens: number }; event: never; result: number };
  logits: { request: { readonly tokens: number }; event: never; result: Float32Array[] };
  decode: { request: { readonly tokens: number }; event: never; result: DecodeSamples };
}

/** What is asked once a model is open. */
export type ForwardSteps = Omit<ForwardProtocol, 'open'>;
