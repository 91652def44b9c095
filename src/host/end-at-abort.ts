import type { ChildProcess } from 'node:child_process';

/**
 * Ends a child process when `signal` aborts. Node's own `signal` option must not be used: for a program that does not exist it sends the
 * signal to process 0 within the same turn, which is this process and its whole group.
 * @returns stops listening; to be called when the child has ended
 */
export function endAtAbort(child: ChildProcess, signal: AbortSignal | undefined, killSignal: NodeJS.Signals = 'SIGTERM'): () => void {
  const end = (): void => {
    if (child.pid !== undefined) child.kill(killSignal);
  };
  if (signal?.aborted === true) end();
  signal?.addEventListener('abort', end, { once: true });
  return () => signal?.removeEventListener('abort', end);
}
