import type { DecodeSamples, ForwardPass } from '../core/forward-pass.js';
import { ChildProcess } from '../host/child-process.js';
import type { ForwardProtocol } from './forward-protocol.js';

/** A forward pass that runs in a process of its own, so that its memory can be read apart. */
export class ChildForwardPass implements ForwardPass {
  private constructor(
    readonly label: string,
    readonly load_ms: number,
    private readonly child: ChildProcess<ForwardProtocol>,
  ) {}

  /** @param entry module that serves `ForwardProtocol` @throws what loading throws; ENGINE_CRASHED, ENGINE_TIMEOUT */
  static async start(label: string, entry: URL, options: ForwardProtocol['open']['request']): Promise<ChildForwardPass> {
    const child = await ChildProcess.start<ForwardProtocol>(entry, { name: label, env: { GGML_NO_BACKTRACE: '1' } });
    try {
      const { load_ms } = await child.request('open', options);
      return new ChildForwardPass(label, load_ms, child);
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

  async close(): Promise<void> {
    await this.child.stop();
  }
}
