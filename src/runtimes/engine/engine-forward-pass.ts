import type { BatchForwardPass, DecodeSamples, PictureEncoder } from '../../core/forward-pass.js';
import { ChildProcess } from '../../host/child-process.js';
import { siblingEntry } from '../../host/sibling-entry.js';
import type { EngineForwardProtocol } from './engine-forward-protocol.js';
import type { EngineLoadOptions } from './engine-protocol.js';

/** The engine's bare forward pass, in a process of its own. */
export class EngineForwardPass implements BatchForwardPass, PictureEncoder {
  readonly label = 'engine';

  private constructor(
    readonly load_ms: number,
    /** What computes, in its maker's words; null: the processor. */
    readonly device: string | null,
    private readonly child: ChildProcess<EngineForwardProtocol>,
  ) {}

  /** @throws what loading throws; ENGINE_CRASHED, ENGINE_TIMEOUT */
  static async start(options: EngineLoadOptions): Promise<EngineForwardPass> {
    const entry = siblingEntry('./engine-forward-worker', import.meta.url);
    const child = await ChildProcess.start<EngineForwardProtocol>(entry, { name: 'the engine', env: { GGML_NO_BACKTRACE: '1' } });
    try {
      const { load_ms, device } = await child.request('open', options);
      return new EngineForwardPass(load_ms, device, child);
    } catch (thrown) {
      await child.stop();
      throw thrown;
    }
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  prefill(tokens: number): Promise<number> {
    return this.child.request('prefill', { tokens });
  }

  async fill(tokens: number): Promise<void> {
    await this.prefill(tokens);
  }

  decode(tokens: number): Promise<DecodeSamples> {
    return this.child.request('decode', { tokens });
  }

  readonly logits = (tokens: number): Promise<Float32Array[]> => this.child.request('logits', { tokens });

  batch(tokens: number): Promise<number> {
    return this.child.request('batch', { tokens });
  }

  /** @throws MMPROJ_MISSING when the model was loaded without its vision half */
  async encode(): Promise<number[]> {
    return [await this.child.request('encode', null)];
  }

  async close(): Promise<void> {
    await this.child.stop();
  }
}
