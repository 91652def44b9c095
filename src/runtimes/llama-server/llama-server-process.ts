import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { EdgeVlmError } from '../../core/errors.js';
import { ChildProcess } from '../../host/child-process.js';
import { siblingEntry } from '../../host/sibling-entry.js';
import { exchangeJson, type ServerAccess } from '../openai-http/http-exchange.js';
import type { ServerEnd, ServerGuardProtocol } from './llama-server-protocol.js';

export interface LlamaServerOptions {
  /** Path of the program. */
  readonly program: string;
  /** What the program is told beside where to listen. */
  readonly args: readonly string[];
  /** How long it may take until it is ready. */
  readonly load_ms: number;
  /** What is asked for until it is answered, below `/v1`. Default `health`. */
  readonly readyPath?: string;
  /** The environment variable that tells the program its key. Default `LLAMA_API_KEY`. */
  readonly keyVariable?: string;
  readonly signal?: AbortSignal | undefined;
}

/** How long nothing may come while it answers: a long prompt on a slow machine. */
const SILENCE_MS = 600_000;
const POLL_MS = 20;
const HEALTH_MS = 2000;
/** From a broken connection to the end of its process. */
const DEATH_MS = 1000;
/** Somebody else may take the port between our looking and its listening. */
const ATTEMPTS = 3;

/** A llama-server, or another program that takes `--host` and `--port`, of our own on a loopback port, with a key that nobody else knows. */
export class LlamaServerProcess {
  #end: ServerEnd | undefined;
  #pid: number | undefined;
  readonly #stop = new AbortController();
  readonly #ended: Promise<unknown>;

  private constructor(
    readonly access: ServerAccess,
    private readonly guard: ChildProcess<ServerGuardProtocol>,
    { program, args, keyVariable = 'LLAMA_API_KEY' }: LlamaServerOptions,
  ) {
    const { hostname, port } = access.base;
    const command = {
      program,
      args: [...args, '--host', hostname, '--port', port],
      // Not an argument: others can read those.
      env: { [keyVariable]: access.apiKey ?? '' },
    };
    this.#ended = guard
      .request('run', command, {
        signal: this.#stop.signal,
        onEvent: ({ pid }) => {
          this.#pid = pid;
        },
      })
      .then(
        (end) => (this.#end = end),
        (thrown: unknown) => (this.#end = { cause: EdgeVlmError.from(thrown).message, words: null, outOfMemory: false }),
      );
  }

  /** Starts the program and waits until it has loaded its model. @throws LOAD_ERROR, OUT_OF_MEMORY, ENGINE_TIMEOUT, CANCELLED */
  static async start(options: LlamaServerOptions): Promise<LlamaServerProcess> {
    for (let attempt = 1; ; attempt++) {
      const base = new URL(`http://127.0.0.1:${await freePort()}/v1`);
      const access = { base, apiKey: randomBytes(24).toString('hex'), silence_ms: SILENCE_MS };
      const guard = await ChildProcess.start<ServerGuardProtocol>(siblingEntry('./server-guard-worker', import.meta.url), {
        name: 'llama-server',
      });
      const server = new LlamaServerProcess(access, guard, options);
      try {
        await server.#whenReady(options);
        return server;
      } catch (thrown) {
        await server.stop();
        const portTaken = thrown instanceof EdgeVlmError && /bind|address already in use/i.test(thrown.message);
        if (!portTaken || attempt === ATTEMPTS) throw thrown;
      }
    }
  }

  /** Empty once it has ended. */
  get pids(): readonly number[] {
    return this.#pid === undefined || this.#end !== undefined ? [] : [this.#pid];
  }

  /** What to say when it ended by itself; null while it lives. */
  get failure(): EdgeVlmError | null {
    if (this.#end === undefined) return null;
    const { cause, words, outOfMemory } = this.#end;
    return new EdgeVlmError(outOfMemory ? 'OUT_OF_MEMORY' : 'ENGINE_CRASHED', `llama-server ${cause}${words === null ? '' : `: ${words}`}`);
  }

  /** The same, a moment later: a connection breaks before its process is gone. */
  async failureSoon(): Promise<EdgeVlmError | null> {
    await Promise.race([this.#ended, sleep(DEATH_MS, undefined, { ref: false })]);
    return this.failure;
  }

  /** May be called twice. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
    await this.guard.stop();
  }

  async #whenReady({ load_ms, signal, program, readyPath = 'health' }: LlamaServerOptions): Promise<void> {
    const deadline = performance.now() + load_ms;
    for (;;) {
      if (signal?.aborted === true) throw new EdgeVlmError('CANCELLED', 'stopped while llama-server loaded its model');
      const { failure } = this;
      if (failure !== null) {
        throw failure.code === 'OUT_OF_MEMORY'
          ? failure
          : new EdgeVlmError('LOAD_ERROR', failure.message, {
              hint: `Run it by hand: ${program} --help. It may be too old for this model.`,
            });
      }
      if (performance.now() > deadline) throw new EdgeVlmError('ENGINE_TIMEOUT', `llama-server was not ready after ${load_ms / 1000} s`);
      if (await this.#answers(readyPath)) return;
      await sleep(POLL_MS);
    }
  }

  /** Whether it has loaded its model. */
  async #answers(path: string): Promise<boolean> {
    try {
      await exchangeJson(this.access, { path, silence_ms: HEALTH_MS });
      return true;
    } catch {
      return false;
    }
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => {
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
  });
}
