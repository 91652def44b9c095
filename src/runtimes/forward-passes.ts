import type { ForwardPass } from '../core/forward-pass.js';
import { siblingEntry } from '../host/sibling-entry.js';
import { ChildForwardPass } from './child-forward-pass.js';
import type { ForwardProtocol } from './forward-protocol.js';

/** Runtimes in the package whose bare forward pass the engine's can be compared with. */
export const FORWARD_PEERS = ['libllama'] as const;
export type ForwardPeer = (typeof FORWARD_PEERS)[number];

const ENTRIES: Record<ForwardPeer, string> = {
  libllama: './llama-cpp/libllama-forward-worker',
};

/** Starts a runtime in a process of its own and opens a model. @throws as loading does */
export function startForwardPeer(runtime: ForwardPeer, options: ForwardProtocol['open']['request']): Promise<ForwardPass> {
  return ChildForwardPass.start(runtime, siblingEntry(ENTRIES[runtime], import.meta.url), options);
}
