import { fork, type ChildProcess as NodeChild } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { EdgeVlmError } from '../core/errors.js';
import { eventStream } from './event-stream.js';
import { describeExit, exitCause, nativeMessage, type ExitCause } from './exit-cause.js';
import { parseChildMessage, type ChildMessage, type ParentMessage, type Protocol } from './protocol.js';

/** What is kept of a child's stderr: enough for an abort with its backtrace. */
const STDERR_KEPT = 16 * 1024;
/** How long after the exit the pipes may still deliver; a grandchild could hold them open for ever. */
const DRAIN_MS = 1000;

export interface StartOptions {
  /** What the process is called in messages. Default `child process`. */
  readonly name?: string;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Options of its Node, after those of this process. */
  readonly execArgv?: readonly string[];
  /** How long the child may take until it serves. Default 120 000. */
  readonly ready_ms?: number;
  /** After a cancel or a missed deadline, how long the child may take to end that request before it is killed. Default 10 000. */
  readonly cancelGrace_ms?: number;
  /** How long `stop` waits for the child to leave by itself, and then again after SIGTERM. Default 3000. */
  readonly stopGrace_ms?: number;
}

interface RequestOptions<Event> {
  /** Aborting tells the child; the request still ends the way the child ends it. */
  readonly signal?: AbortSignal | undefined;
  /** Rejects with ENGINE_TIMEOUT after this long. Default: none. */
  readonly deadline_ms?: number;
  /** Called for each event in order. What it throws cancels the request and becomes its error. */
  readonly onEvent?: (event: Event) => void;
}

/** A request the child has not ended. `abandoned` when its caller already has an error. */
interface Pending {
  readonly onEvent: (event: unknown) => void;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: EdgeVlmError) => void;
  /** Kills the child when it does not end a cancelled request. */
  overdue?: NodeJS.Timeout;
  abandoned?: true;
}

/**
 * A child process that serves typed requests (its side is `serve` in child.ts). Whatever happens to the child, this process
 * lives: all unfinished requests are rejected with ENGINE_CRASHED and the words the child left behind.
 */
export class ChildProcess<P extends Protocol<P>> implements AsyncDisposable {
  /** Settles when the process is gone and its output is drained; never rejects. */
  readonly exited: Promise<ExitCause>;
  private readonly pending = new Map<number, Pending>();
  private nextId = 1;
  private stderr = '';
  /** Set once, when no request can succeed any more. */
  private failure: EdgeVlmError | undefined;
  private onReady: (() => void) | undefined;

  private constructor(
    private readonly child: NodeChild,
    private readonly options: Required<StartOptions>,
  ) {
    child.stdout?.resume();
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr = (this.stderr + text).slice(-STDERR_KEPT);
    });
    child.on('message', (value) => {
      this.receive(value);
    });
    this.exited = this.watchExit();
  }

  /** The process id; undefined when it could not be spawned. */
  get pid(): number | undefined {
    return this.child.pid;
  }

  /**
   * Starts `entry`, a module that calls `serve`, and waits until it serves.
   * Throws ENGINE_CRASHED when it ends before that and ENGINE_TIMEOUT when it takes too long.
   */
  static async start<P extends Protocol<P>>(entry: URL, options: StartOptions = {}): Promise<ChildProcess<P>> {
    const complete: Required<StartOptions> = {
      name: 'child process',
      env: {},
      execArgv: [],
      ready_ms: 120_000,
      cancelGrace_ms: 10_000,
      stopGrace_ms: 3000,
      ...options,
    };
    const node = fork(fileURLToPath(entry), [], {
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, ...complete.env },
      execArgv: [...process.execArgv, ...complete.execArgv],
    });
    const child = new ChildProcess<P>(node, complete);
    await child.whenReady();
    return child;
  }

  /**
   * Sends a request and resolves with its result. Rejects with the child's own coded error, ENGINE_TIMEOUT, or ENGINE_CRASHED.
   */
  async request<K extends keyof P & string>(
    type: K,
    payload: P[K]['request'],
    options: RequestOptions<P[K]['event']> = {},
  ): Promise<P[K]['result']> {
    const id = this.nextId++;
    const cancel = (): void => {
      this.cancel(id);
    };
    let deadline: NodeJS.Timeout | undefined;
    try {
      return await new Promise<unknown>((resolve, reject) => {
        const onEvent = options.onEvent ?? ((): void => undefined);
        this.pending.set(id, { onEvent, resolve, reject });
        this.post({ kind: 'request', id, type, payload });
        options.signal?.addEventListener('abort', cancel, { once: true });
        if (options.signal?.aborted === true) cancel();
        if (options.deadline_ms !== undefined) {
          deadline = setTimeout(() => {
            this.abandon(id, new EdgeVlmError('ENGINE_TIMEOUT', `${this.options.name} did not finish '${type}' in time`));
          }, options.deadline_ms);
        }
      });
    } finally {
      clearTimeout(deadline);
      options.signal?.removeEventListener('abort', cancel);
    }
  }

  /**
   * `request` as a stream: yields its events and returns its result. A consumer that leaves early cancels the request.
   */
  stream<K extends keyof P & string>(
    type: K,
    payload: P[K]['request'],
    options: Omit<RequestOptions<P[K]['event']>, 'onEvent'> = {},
  ): AsyncGenerator<P[K]['event'], P[K]['result'], undefined> {
    return eventStream<P[K]['event'], P[K]['result']>(
      (onEvent, signal) => this.request(type, payload, { ...options, signal, onEvent }),
      options.signal,
    );
  }

  /** Asks the child to leave, then SIGTERM, then SIGKILL. Unfinished requests are rejected with CANCELLED. May be called twice. */
  async stop(): Promise<ExitCause> {
    this.fail(new EdgeVlmError('CANCELLED', `${this.options.name} was stopped`));
    this.post({ kind: 'stop' });
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      const timer = setTimeout(() => this.child.kill(signal), this.options.stopGrace_ms * (signal === 'SIGTERM' ? 1 : 2));
      void this.exited.finally(() => {
        clearTimeout(timer);
      });
    }
    return this.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  private async whenReady(): Promise<void> {
    const { name, ready_ms } = this.options;
    let timer: NodeJS.Timeout | undefined;
    try {
      await Promise.race([
        new Promise<void>((resolve) => (this.onReady = resolve)),
        new Promise<never>((_, reject) => {
          timer = setTimeout(() => {
            const said = nativeMessage(this.stderr);
            reject(new EdgeVlmError('ENGINE_TIMEOUT', `${name} was not ready after ${ready_ms} ms${said === null ? '' : `: ${said}`}`));
          }, ready_ms);
        }),
        this.exited.then(() => {
          throw this.failure ?? new EdgeVlmError('ENGINE_CRASHED', `${name} ended before it was ready`);
        }),
      ]);
    } catch (error) {
      this.child.kill('SIGKILL');
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  private receive(value: unknown): void {
    const message = parseChildMessage(value);
    if (message === undefined) {
      this.kill(new EdgeVlmError('ENGINE_CRASHED', `${this.options.name} sent something that is not a message`));
    } else if (message.kind === 'ready') {
      this.onReady?.();
    } else {
      this.deliver(message);
    }
  }

  private deliver(message: Exclude<ChildMessage, { kind: 'ready' }>): void {
    const pending = this.pending.get(message.id);
    if (pending === undefined) return;
    switch (message.kind) {
      case 'event':
        if (pending.abandoned) return;
        try {
          pending.onEvent(message.event);
        } catch (error) {
          this.abandon(message.id, EdgeVlmError.from(error));
        }
        return;
      case 'result':
        this.settle(message.id);
        pending.resolve(message.result);
        return;
      case 'error':
        this.settle(message.id);
        pending.reject(EdgeVlmError.fromJSON(message.error));
        return;
      default:
        message satisfies never;
    }
  }

  private settle(id: number): void {
    clearTimeout(this.pending.get(id)?.overdue);
    this.pending.delete(id);
  }

  /** Gives the caller its error now; the child still has to end the request. */
  private abandon(id: number, error: EdgeVlmError): void {
    const pending = this.pending.get(id);
    if (pending === undefined) return;
    pending.abandoned = true;
    pending.reject(error);
    this.cancel(id);
  }

  private cancel(id: number): void {
    const pending = this.pending.get(id);
    if (pending === undefined || pending.overdue !== undefined) return;
    const { name, cancelGrace_ms } = this.options;
    this.post({ kind: 'cancel', id });
    pending.overdue = setTimeout(() => {
      this.kill(
        new EdgeVlmError('ENGINE_TIMEOUT', `${name} hung: it did not end a cancelled request in ${cancelGrace_ms} ms and was killed`),
      );
    }, cancelGrace_ms);
  }

  private post(message: ParentMessage): void {
    try {
      if (message.kind === 'request' && this.failure !== undefined) throw this.failure;
      // A failed write means the child is going; its exit rejects what is pending.
      if (this.child.connected) this.child.send(message, () => undefined);
    } catch (error) {
      if (message.kind !== 'request') return;
      this.pending.get(message.id)?.reject(EdgeVlmError.from(error));
      this.settle(message.id);
    }
  }

  private kill(failure: EdgeVlmError): void {
    this.fail(failure);
    this.child.kill('SIGKILL');
  }

  private fail(failure: EdgeVlmError): void {
    this.failure ??= failure;
    for (const [id, { reject }] of [...this.pending]) {
      this.settle(id);
      reject(this.failure);
    }
  }

  private async watchExit(): Promise<ExitCause> {
    const { child } = this;
    const exit = new Promise<ExitCause>((resolve) => {
      child.once('exit', (code, signal) => {
        resolve(exitCause(code, signal));
      });
      child.once('error', (error) => {
        // Emitted without an exit only when the process could not be spawned.
        this.stderr += `\n${error.message}`;
        if (child.pid === undefined) resolve(exitCause(1, null));
      });
    });
    // Results sent just before the end may still be in the pipes.
    const drained = Promise.all([
      new Promise((resolve) => child.once('close', resolve)),
      new Promise((resolve) => child.once('disconnect', resolve)),
    ]);
    const cause = await exit;
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([drained, new Promise((resolve) => (timer = setTimeout(resolve, DRAIN_MS)))]);
    clearTimeout(timer);
    const said = nativeMessage(this.stderr);
    this.fail(new EdgeVlmError('ENGINE_CRASHED', `${this.options.name} ${describeExit(cause)}${said === null ? '' : `: ${said}`}`));
    return cause;
  }
}
