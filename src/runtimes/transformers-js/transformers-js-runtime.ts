import { EdgeVlmError } from '../../core/errors.js';
import { NO_PROGRESS, ProgressTask } from '../../core/progress.js';
import type { OpenOptions, OpenRuntime, Runtime, RuntimeCheck, RuntimeSpec } from '../../core/runtime.js';
import { ChildProcess } from '../../host/child-process.js';
import { siblingEntry } from '../../host/sibling-entry.js';
import { findCheckpoint } from '../worker/find-checkpoint.js';
import { WorkerGenerator, type ModelWorker } from '../worker/worker-generator.js';
import { findTransformersJs, INSTALL_TRANSFORMERS_JS } from './transformers-js-package.js';
import type { TransformersJsProtocol } from './transformers-js-protocol.js';

/** After a cancel, until the request ends: a step, or the whole prompt. */
const CANCEL_GRACE_MS = 60_000;

/** Hugging Face's Transformers.js over ONNX Runtime, in a process of its own. */
export const transformersJsRuntime: Runtime = {
  name: 'transformers-js',
  description: "Hugging Face's Transformers.js over ONNX Runtime",
  tellsLogits: true,
  check,
  open,
};

async function check(signal?: AbortSignal): Promise<RuntimeCheck> {
  if (signal?.aborted === true) throw new EdgeVlmError('CANCELLED', 'cancelled');
  try {
    const { version } = await findTransformersJs();
    return { available: true, version, detail: 'ONNX files on the processor', install: null };
  } catch (thrown) {
    return { available: false, version: null, detail: EdgeVlmError.from(thrown).message, install: INSTALL_TRANSFORMERS_JS };
  }
}

async function open(spec: RuntimeSpec, { signal, onProgress = NO_PROGRESS }: OpenOptions = {}): Promise<OpenRuntime> {
  if (spec.device !== 'cpu') throw new EdgeVlmError('DEVICE_UNAVAILABLE', `this runtime computes on cpu, not on ${spec.device}`);
  await findTransformersJs();
  const checkpoint = await findCheckpoint(spec.model, 'onnx');
  const dtype = spec.precision ?? DTYPES[spec.quantization];
  const progress = new ProgressTask(onProgress, { label: 'load model', unit: 'files', total: null });
  try {
    const child = await ChildProcess.start<TransformersJsProtocol>(siblingEntry('./transformers-js-worker', import.meta.url), {
      name: 'the process of Transformers.js',
      cancelGrace_ms: CANCEL_GRACE_MS,
    });
    try {
      const request = { checkpoint, dtype, threads: spec.threads ?? null, context: spec.context ?? null };
      const description = await unlessAborted(signal, child, () => child.request('load', request));
      const generator = new WorkerGenerator(description, worker(child));
      return {
        generator,
        score: (task, aborted) => generator.score(task, aborted),
        effectivePrecision: dtype,
        load_ms: description.load_ms,
        pids: () => (child.pid === undefined ? [] : [child.pid]),
        close: async () => {
          await child.stop();
        },
      };
    } catch (thrown) {
      await child.stop();
      throw thrown;
    }
  } finally {
    progress.end();
  }
}

const DTYPES = { none: 'fp32', int8: 'q8', int4: 'q4' } as const satisfies Record<RuntimeSpec['quantization'], string>;

function worker(child: ChildProcess<TransformersJsProtocol>): ModelWorker {
  return {
    generate: (request, signal, onToken) => child.request('generate', request, { signal, onEvent: onToken }),
    score: (request, tokens, signal) => child.request('score', { request, tokens }, { signal }),
    close: async () => {
      await child.stop();
    },
  };
}

/** Loading cannot be stopped halfway: its process is. */
async function unlessAborted<T>(
  signal: AbortSignal | undefined,
  child: ChildProcess<TransformersJsProtocol>,
  work: () => Promise<T>,
): Promise<T> {
  const stop = (): void => {
    void child.stop();
  };
  signal?.addEventListener('abort', stop, { once: true });
  try {
    if (signal?.aborted === true) stop();
    return await work();
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}
