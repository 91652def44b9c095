import { EdgeVlmError } from '../core/errors.js';
import type { Progress } from '../core/progress.js';
import { ChildProcess } from '../host/child-process.js';
import { siblingEntry } from '../host/sibling-entry.js';
import type { NativeProtocol } from './native-protocol.js';

/** libllama cannot be stopped halfway; after this its process is ended. */
const CANCEL_GRACE_MS = 500;

/**
 * Has one request done in a process of its own.
 * @throws what the request throws; ENGINE_CRASHED, CANCELLED
 */
export async function runNative<K extends keyof NativeProtocol>(
  type: K,
  request: NativeProtocol[K]['request'],
  { onProgress, signal }: { readonly onProgress?: Progress | undefined; readonly signal?: AbortSignal | undefined },
): Promise<NativeProtocol[K]['result']> {
  const child = await ChildProcess.start<NativeProtocol>(siblingEntry('./native-worker', import.meta.url), {
    name: 'the model process',
    // Without this ggml would start a debugger to print its own backtrace.
    env: { GGML_NO_BACKTRACE: '1' },
    cancelGrace_ms: CANCEL_GRACE_MS,
  });
  try {
    return await child.request(type, request, { signal, ...(onProgress && { onEvent: onProgress }) });
  } catch (thrown) {
    if (signal?.aborted === true) throw new EdgeVlmError('CANCELLED', 'stopped on request', { cause: thrown });
    throw thrown;
  } finally {
    await child.stop();
  }
}
