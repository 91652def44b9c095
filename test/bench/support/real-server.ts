import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Type } from 'typebox';
import { Value } from 'typebox/value';

const Completion = Type.Object({ choices: Type.Array(Type.Object({ text: Type.String() }), { minItems: 1 }) });
/** How long loading a small model may take on a busy machine. */
const READY_MS = 60_000;

/** llama.cpp's server, with one thread and one slot. */
export class RealServer {
  private constructor(
    readonly url: string,
    private readonly child: ChildProcess,
  ) {}

  static async start(binary: string, model: string): Promise<RealServer> {
    const port = await freePort();
    const child = spawn(binary, ['--model', model, '--host', '127.0.0.1', '--port', String(port), '--threads', '1', '--parallel', '1'], {
      stdio: 'ignore',
      // Node's own options are no concern of it.
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    const server = new RealServer(`http://127.0.0.1:${port}`, child);
    const deadline = performance.now() + READY_MS;
    while (child.exitCode === null && performance.now() < deadline) {
      const isReady = await fetch(`${server.url}/health`).then(
        ({ ok }) => ok,
        () => false,
      );
      if (isReady) return server;
      await sleep(200);
    }
    await server.close();
    throw new Error(`llama-server was not ready after ${READY_MS / 1000} s, or ended`);
  }

  async complete(prompt: string): Promise<string> {
    const body = JSON.stringify({ prompt, max_tokens: 2, temperature: 0 });
    const response = await fetch(`${this.url}/v1/completions`, { method: 'POST', body });
    return Value.Parse(Completion, await response.json()).choices[0]?.text ?? '';
  }

  async close(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill();
    await ended;
  }
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
