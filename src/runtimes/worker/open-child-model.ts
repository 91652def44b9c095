import { EdgeVlmError } from '../../core/errors.js';
import type { ModelDescription } from '../../core/generator.js';
import type { OpenRuntime, ScoredAnswer } from '../../core/runtime.js';
import { ChildProcess, type StartOptions } from '../../host/child-process.js';
import { WorkerGenerator, type WorkerAnswer, type WorkerRequest, type WorkerToken } from './worker-generator.js';

/** What a process of ours serves that holds a model. */
export interface ChildModelProtocol<LoadRequest> {
  load: { request: LoadRequest; event: never; result: ModelDescription };
  generate: { request: WorkerRequest; event: WorkerToken; result: WorkerAnswer };
  score: { request: { readonly request: WorkerRequest; readonly tokens: readonly number[] }; event: never; result: ScoredAnswer };
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
      score: (task: WorkerRequest, tokens: readonly number[], aborted: AbortSignal) =>
        child.request('score', { request: task, tokens }, { signal: aborted }),
      close,
    };
    const generator = new WorkerGenerator(description, worker);
    return {
      generator,
      score: (task, aborted) => generator.score(task, aborted),
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
