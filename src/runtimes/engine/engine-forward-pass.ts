import type { BatchForwardPass, PictureEncoder } from '../../core/forward-pass.js';
import type { ChildProcess } from '../../host/child-process.js';
import { siblingEntry } from '../../host/sibling-entry.js';
import { ChildForwardPass, openForwardChild } from '../child-forward-pass.js';
import type { EngineForwardProtocol } from './engine-forward-protocol.js';
import type { EngineLoadOptions } from './engine-protocol.js';

type Opened = EngineForwardProtocol['open']['result'];

/** The engine's bare forward pass, in a process of its own. */
export class EngineForwardPass extends ChildForwardPass implements BatchForwardPass, PictureEncoder {
  private constructor(
    load_ms: number,
    /** What computes, in its maker's words; null: the processor. */
    readonly device: string | null,
    private readonly child: ChildProcess<EngineForwardProtocol>,
  ) {
    super('engine', load_ms, child);
  }

  /** @throws what loading throws; ENGINE_CRASHED, ENGINE_TIMEOUT */
  static async open(options: EngineLoadOptions): Promise<EngineForwardPass> {
    const entry = siblingEntry('./engine-forward-worker', import.meta.url);
    const { child, opened } = await openForwardChild<EngineForwardProtocol, Opened>(entry, 'the engine', (started) =>
      started.request('open', options),
    );
    return new EngineForwardPass(opened.load_ms, opened.device, child);
  }

  batch(tokens: number): Promise<number> {
    return this.child.request('batch', { tokens });
  }

  /** @throws MMPROJ_MISSING when the model was loaded without its vision half */
  async encode(): Promise<number[]> {
    return [await this.child.request('encode', null)];
  }
}
