import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const VERSION = '3.17.2';
const ENVIRONMENT = fileURLToPath(new URL(`../../../.cache/mlflow-${VERSION}/`, import.meta.url));
const PYTHON = join(ENVIRONMENT, 'bin/python');
/** The last thing done; without it the environment is half made. */
const READY = join(ENVIRONMENT, 'ready');

export function canInstallMlflow(): boolean {
  return spawnSync('python3', ['-c', 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))']).status === 0;
}

/** Installs MLflow from PyPI into `.cache/` unless it is there. Needs Python 3.10 or newer with `venv`; takes minutes the first time. */
export async function installMlflow(): Promise<void> {
  if (await stat(READY).catch(() => undefined)) return;
  await rm(ENVIRONMENT, { recursive: true, force: true });
  const clean = { ...process.env, PYTHONPATH: '', PIP_DISABLE_PIP_VERSION_CHECK: '1' };
  await run('python3', ['-m', 'venv', ENVIRONMENT], { env: clean });
  // What is used of it is compiled when it is imported.
  await run(PYTHON, ['-m', 'pip', 'install', '--quiet', '--no-compile', `mlflow==${VERSION}`], { env: clean, maxBuffer: 1 << 26 });
  await mkdir(`${READY}.part`);
  await rename(`${READY}.part`, READY);
}

/** A real tracking server with its database and files in a folder; it may be stopped and started again. */
export class RealMlflow {
  #process: ChildProcess | undefined;

  private constructor(
    private readonly directory: string,
    private readonly port: number,
  ) {}

  static async start(directory: string): Promise<RealMlflow> {
    const mlflow = new RealMlflow(directory, await freePort());
    await mlflow.start();
    return mlflow;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/`;
  }

  async start(): Promise<void> {
    const args = [
      '--backend-store-uri',
      `sqlite:///${join(this.directory, 'mlflow.db')}`,
      '--artifacts-destination',
      join(this.directory, 'files'),
    ];
    const env = { ...process.env, PYTHONPATH: '', MLFLOW_DISABLE_TELEMETRY: 'true', MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false' };
    const started = spawn(
      PYTHON,
      ['-m', 'mlflow', 'server', ...args, '--host', '127.0.0.1', '--port', String(this.port), '--workers', '1'],
      // It starts processes of its own, which are to end with it.
      { env, detached: true, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    this.#process = started;
    let log = '';
    started.stderr.on('data', (text: Buffer) => (log = (log + text.toString()).slice(-4000)));
    while (
      !(await fetch(`${this.url}health`).then(
        ({ ok }) => ok,
        () => false,
      ))
    ) {
      if (started.exitCode !== null) throw new Error(`MLflow does not start:\n${log}`);
      await sleep(200);
    }
  }

  /** At once, as when the machine loses its power. */
  async kill(): Promise<void> {
    const { pid } = this.#process ?? {};
    if (this.#process === undefined || pid === undefined || this.#process.exitCode !== null) return;
    const closed = once(this.#process, 'close');
    process.kill(-pid, 'SIGKILL');
    await closed;
    this.#process = undefined;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
