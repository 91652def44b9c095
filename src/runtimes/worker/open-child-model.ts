import { EdgeVlmError } from '../../core/errors.js';
import type { ModelDescription } from '../../core/generator.js';
import type { OpenRuntime } from '../../core/runtime.js';
import { ChildProcess, type StartOptions } from '../../host/child-process.js';
import { WorkerGenerator, type WorkerAnswer, type WorkerRequest, type WorkerToken } from './worker-generator.js';

/** What a process of ours serves that holds a model. */
export interface ChildModelProtocol<LoadRequest> {
  load: { request: LoadRequest; event: never; result: ModelDescription };
  generate: { request: WorkerRequest; event: WorkerToken; result: WorkerAnswer };
}

/**
 * Starts a process and loads a model in it. Loading cannot be stopped halfway, so aborting ends the process.
 * @param entry module that serves `ChildModelProtocol`
 * @throws what loading throws; ENGINE_CRASHED, ENGINE_TIMEOUT, CANCELLED
 */
export async function openChildModel(
  entry: URL,
  request: object,
  { signal, ...options }: StartOptions & { readonly signal?: AbortSignal | undefined },
): Promise<OpenRuntime> {
  if (signal?.aborted === true) throw new EdgeVlmError('CANCELLED', 'cancelled before the model was loaded');
  const child = await ChildProcess.start<ChildModelProtocol<object>>(entry, options);
  const close = async (): Promise<void> => {
    await child.stop();
  };
  const abort = (): void => void close();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    const description = await child.request('load', request);
    const worker = {
      generate: (task: WorkerRequest, aborted: AbortSignal, onEvent: (token: WorkerToken) => void) =>
        child.request('generate', task, { signal: aborted, onEvent }),
      close,
    };
    return {
      generator: new WorkerGenerator(description, worker),
      effectivePrecision: description.precision,
      load_ms: description.load_ms,
      pids: () => (child.pid === undefined ? [] : [child.pid]),
      close,
    };
  } catch (thrown) {
    await close();
    throw thrown;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}
