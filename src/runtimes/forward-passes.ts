import type { ForwardPass } from '../core/forward-pass.js';
import { siblingEntry } from '../host/sibling-entry.js';
import { ChildForwardPass } from './child-forward-pass.js';
import type { ForwardProtocol } from './forward-protocol.js';

/** Runtimes whose bare forward pass can be timed. */
export const FORWARD_RUNTIMES = ['engine', 'libllama'] as const;
export type ForwardRuntime = (typeof FORWARD_RUNTIMES)[number];

const ENTRIES: Record<ForwardRuntime, string> = {
  engine: './engine/engine-forward-worker',
  libllama: './llama-cpp/libllama-forward-worker',
};

/** Starts a runtime in a process of its own and opens a model. @throws as loading does */
export function startForwardPass(runtime: ForwardRuntime, options: ForwardProtocol['open']['request']): Promise<ForwardPass> {
  return ChildForwardPass.start(runtime, siblingEntry(ENTRIES[runtime], import.meta.url), options);
}
