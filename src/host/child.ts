import { EdgeVlmError } from '../core/errors.js';
import { parseParentMessage, type ChildMessage, type ParentMessage, type Protocol } from './protocol.js';

/** Answers one type of request: yields its events and returns its result. `signal` aborts when the parent no longer wants it. */
type Handlers<P extends Protocol<P>> = {
  readonly [K in keyof P & string]: (
    payload: P[K]['request'],
    signal: AbortSignal,
  ) => AsyncGenerator<P[K]['event'], P[K]['result'], undefined>;
};

type AnyHandler = (payload: unknown, signal: AbortSignal) => AsyncGenerator<unknown, unknown, undefined>;

/**
 * Runs in a process started by ChildProcess: serves its requests, side by side, until it is told to stop.
 * The process ends with its parent in any case, and leaves Ctrl-C to it: a terminal sends that to both.
 * @param close releases what the handlers share, after the last of them ended.
 */
export async function serve<P extends Protocol<P>>(
  handlers: Handlers<P>,
  close: () => Promise<void> | void = () => undefined,
): Promise<void> {
  const running = new Map<number, { readonly abort: AbortController; readonly ended: Promise<void> }>();

  makeOutputBlocking();
  process.on('SIGINT', () => undefined);
  // Not process.exit: that would wait for native work on libuv's threads, for a parent that is no longer there.
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  process.on('message', (value) => {
    const message = parseParentMessage(value);
    // An exception here ends the process, and the parent reports it.
    if (message === undefined) throw new EdgeVlmError('INTERNAL', 'the parent process sent something that is not a message');
    switch (message.kind) {
      case 'request': {
        const abort = new AbortController();
        const ended = answer(message, abort.signal).finally(() => running.delete(message.id));
        running.set(message.id, { abort, ended });
        return;
      }
      case 'cancel':
        running.get(message.id)?.abort.abort();
        return;
      case 'stop':
        void stop();
        return;
      default:
        message satisfies never;
    }
  });
  await send({ kind: 'ready' });

  async function answer({ id, type, payload }: Extract<ParentMessage, { kind: 'request' }>, signal: AbortSignal): Promise<void> {
    try {
      const handler = Object.hasOwn(handlers, type) ? (handlers as Record<string, AnyHandler>)[type] : undefined;
      if (handler === undefined) throw new EdgeVlmError('INTERNAL', `no handler for '${type}'`);
      const stream = handler(payload, signal);
      try {
        let step = await stream.next();
        while (step.done !== true) {
          await send({ kind: 'event', id, event: step.value });
          step = await stream.next();
        }
        await send({ kind: 'result', id, result: step.value });
      } finally {
        // Lets the handler clean up when an event could not be sent; does nothing after its end.
        await stream.return(undefined);
      }
    } catch (error) {
      await send({ kind: 'error', id, error: EdgeVlmError.from(error).toJSON() });
    }
  }

  async function stop(): Promise<void> {
    for (const { abort } of running.values()) abort.abort();
    await Promise.all([...running.values()].map(({ ended }) => ended));
    await close();
    process.exit(0);
  }
}

/** Resolves when the message was handed to the pipe, so that a slow parent slows the handler instead of filling memory. */
function send(message: ChildMessage): Promise<void> {
  return new Promise((resolve, reject) => {
    // Without a parent there is nobody to tell; `disconnect` ends the process.
    if (process.send === undefined || !process.connected) resolve();
    else {
      process.send(message, undefined, undefined, (error: Error | null) => {
        if (error === null || !process.connected) resolve();
        else reject(error);
      });
    }
  });
}

/**
 * Node makes stdout and stderr non-blocking as soon as somebody uses them; native code's fprintf would then lose what the pipe
 * has no room for, and that may be the reason of its abort. The method is Node's own, though not documented.
 */
function makeOutputBlocking(): void {
  for (const stream of [process.stdout, process.stderr]) {
    const { _handle: handle } = stream as { _handle?: { setBlocking?: (on: boolean) => void } };
    handle?.setBlocking?.(true);
  }
}
