import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { EdgeVlmError } from '../../core/errors.js';
import type { PreprocessJob } from './preprocess-worker.js';
import type { Tiling } from './tiling.js';

/** One core is left to the thread that asks; more than four cores would rather feed the engine. */
const MAX_WORKERS = Math.max(1, Math.min(4, availableParallelism() - 1));

interface Waiting {
  readonly job: PreprocessJob;
  readonly resolve: (tiling: Tiling) => void;
  readonly reject: (error: EdgeVlmError) => void;
}

const waiting: Waiting[] = [];
const idle: Worker[] = [];
let workers = 0;

/**
 * Runs a preprocessor on a worker thread, so that hundreds of milliseconds of pixel work do not hold up the event loop. Threads
 * start when first needed and are kept; idle ones do not keep the process alive.
 *
 * @throws EdgeVlmError `OUT_OF_MEMORY`; `INTERNAL` when a preprocessor throws, which is our fault
 */
export function preprocessOnWorker(job: PreprocessJob): Promise<Tiling> {
  return new Promise((resolve, reject) => {
    waiting.push({ job, resolve, reject });
    startNext();
  });
}

function startNext(): void {
  if (waiting.length === 0) return;
  const worker = idle.pop() ?? (workers < MAX_WORKERS ? startWorker() : undefined);
  if (worker === undefined) return;
  const next = waiting.shift();
  if (next !== undefined) runOn(worker, next);
}

function startWorker(): Worker {
  workers++;
  if (!import.meta.url.endsWith('.ts')) return new Worker(new URL('./preprocess-worker.js', import.meta.url));
  // Run from sources, as tests do: tsx only registers itself on the main thread, so the worker has to do it.
  const entry = new URL('./preprocess-worker.ts', import.meta.url).href;
  const bootstrap = `import('tsx/esm/api').then((tsx) => { tsx.register(); return import('${entry}'); });`;
  return new Worker(bootstrap, { eval: true });
}

function runOn(worker: Worker, { job, resolve, reject }: Waiting): void {
  const onMessage = (tiling: Tiling): void => {
    release();
    idle.push(worker);
    resolve(tiling);
    startNext();
  };
  // An uncaught exception ends a worker, so this one is not used again.
  const onEnd = (cause: unknown): void => {
    release();
    workers--;
    const outOfMemory = cause instanceof Error && 'code' in cause && cause.code === 'ERR_WORKER_OUT_OF_MEMORY';
    reject(new EdgeVlmError(outOfMemory ? 'OUT_OF_MEMORY' : 'INTERNAL', 'a picture could not be preprocessed', { cause }));
    startNext();
  };
  const release = (): void => {
    worker.off('message', onMessage).off('error', onEnd).off('exit', onEnd).unref();
  };
  worker.on('message', onMessage).on('error', onEnd).on('exit', onEnd).ref();
  worker.postMessage(job);
}
