import type { DecodeSamples, ForwardPass } from '../core/forward-pass.js';
import { ChildProcess } from '../host/child-process.js';
import type { Protocol } from '../host/protocol.js';
import type { ForwardProtocol, ForwardSteps } from './forward-protocol.js';

/** A forward pass that runs in a process of its own, so that its memory can be read apart. */
export class ChildForwardPass implements ForwardPass {
  protected constructor(
    readonly label: string,
    readonly load_ms: number,
    private readonly steps: ChildProcess<ForwardSteps>,
  ) {}

  /** @param entry module that serves `ForwardProtocol` @throws what loading throws; ENGINE_CRASHED, ENGINE_TIMEOUT */
  static async start(label: string, entry: URL, options: ForwardProtocol['open']['request']): Promise<ChildForwardPass> {
    const { child, opened } = await openForwardChild<ForwardProtocol, { load_ms: number }>(entry, label, (started) =>
      started.request('open', options),
    );
    return new ChildForwardPass(label, opened.load_ms, child);
  }

  get pid(): number | undefined {
    return this.steps.pid;
  }

  prefill(tokens: number): Promise<number> {
    return this.steps.request('prefill', { tokens });
  }

  async fill(tokens: number): Promise<void> {
    await this.prefill(tokens);
  }

  decode(tokens: number): Promise<DecodeSamples> {
    return this.steps.request('decode', { tokens });
  }

  readonly logits = (tokens: number): Promise<Float32Array[]> => this.steps.request('logits', { tokens });

  async close(): Promise<void> {
    await this.steps.stop();
  }
}

/** Starts a process and opens a model in it; ends it where that fails. @throws what `open` throws; ENGINE_CRASHED, ENGINE_TIMEOUT */
export async function openForwardChild<P extends Protocol<P>, Opened>(
  entry: URL,
  name: string,
  open: (child: ChildProcess<P>) => Promise<Opened>,
): Promise<{ readonly child: ChildProcess<P>; readonly opened: Opened }> {
  const child = await ChildProcess.start<P>(entry, { name, env: { GGML_NO_BACKTRACE: '1' } });
  try {
    return { child, opened: await open(child) };
  } catch (thrown) {
    await child.stop();
    throw thrown;
  }
}
