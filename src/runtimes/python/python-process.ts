import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { EdgeVlmError } from '../../core/errors.js';
import { redact } from '../../core/redact.js';
import type { ScoredAnswer } from '../../core/runtime.js';
import { describeExit, exitCause, nativeMessage } from '../../host/exit-cause.js';
import { LineReader } from './line-reader.js';
import {
  LONGEST_ANSWER,
  LONGEST_REQUEST,
  parsePythonMessage,
  PROTOCOL_VERSION,
  toPythonGenerate,
  type DoneMessage,
  type LoadedMessage,
  type PythonLoad,
  type PythonMessage,
  type TimeMessage,
  type ToPython,
} from './python-protocol.js';
import type { ModelWorker, WorkerAnswer, WorkerRequest, WorkerToken } from '../worker/worker-generator.js';

/** What is kept of standard error: enough for a traceback. */
const STDERR_KEPT = 16 * 1024;
/** How long after the exit the pipes may still deliver. */
const DRAIN_MS = 1000;

export interface PythonCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** Added to this process's environment. */
  readonly env: Readonly<Record<string, string>>;
}

export interface PythonPatience {
  /** Until PyTorch is imported. Default 180 000: minutes on a memory card. */
  readonly ready_ms?: number;
  /** After a cancel, until the request ends: a step, or the whole prompt. Default 60 000. */
  readonly cancelGrace_ms?: number;
  /** After being told to leave. Default 3000. */
  readonly stopGrace_ms?: number;
}

/** How often the clocks are compared: the quickest answer counts. */
const CLOCK_ROUNDS = 5;

type Answer = LoadedMessage | DoneMessage | TimeMessage;

interface Pending {
  readonly onToken: (token: WorkerToken) => void;
  readonly onLogits: (values: string) => void;
  readonly resolve: (message: Answer) => void;
  readonly reject: (error: EdgeVlmError) => void;
  overdue?: NodeJS.Timeout;
}

/**
 * A Python process that serves the protocol of python-protocol.ts. It leads a process group, which is killed as a whole; when this
 * process ends in any way, its standard input closes and it leaves by itself.
 */
export class PythonProcess implements ModelWorker {
  /** Settles when the process is gone; never rejects. */
  readonly exited: Promise<void>;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #patience: Required<PythonPatience>;
  readonly #pending = new Map<number, Pending>();
  readonly #lines = new LineReader(LONGEST_ANSWER);
  #nextId = 1;
  #stderr = '';
  #failure: EdgeVlmError | undefined;
  /** After its end its number may be another's. */
  #groupKilled = false;
  #versions: Extract<PythonMessage, { type: 'ready' }> | undefined;
  /** How far its clock is ahead of `performance.now()`. */
  #ahead_ms = 0;
  #onReady: (() => void) | undefined;

  private constructor({ file, args, cwd, env }: PythonCommand, patience: Required<PythonPatience>) {
    this.#patience = patience;
    this.#child = spawn(file, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: 'pipe',
      // A group of its own; on Windows that would open a window.
      detached: process.platform !== 'win32',
    });
    this.#child.stdout.on('data', (bytes: Buffer) => {
      this.#receive(bytes);
    });
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_KEPT);
    });
    // A failed write means that the process is going; its exit rejects what is pending.
    this.#child.stdin.on('error', () => undefined);
    this.exited = this.#watchExit();
  }

  /**
   * Starts the process and waits until it serves.
   * @throws LOAD_ERROR when a package is missing or broken; ENGINE_CRASHED, ENGINE_TIMEOUT, CANCELLED
   */
  static async start(command: PythonCommand, { signal, ...patience }: PythonPatience & { signal?: AbortSignal } = {}): Promise<PythonProcess> {
    const python = new PythonProcess(command, { ready_ms: 180_000, cancelGrace_ms: 60_000, stopGrace_ms: 3000, ...patience });
    try {
      await python.#whenReady(signal);
      await python.#compareClocks();
      return python;
    } catch (thrown) {
      python.#kill(EdgeVlmError.from(thrown));
      await python.exited;
      throw thrown;
    }
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** How long importing PyTorch took, before it was ready. */
  get import_ms(): number {
    return this.#versions?.import_ms ?? 0;
  }

  /** Loads a model, in place of the one before. @throws what Python answers; ENGINE_CRASHED; CANCELLED, after which the process is gone */
  async load(request: PythonLoad, signal?: AbortSignal): Promise<LoadedMessage> {
    // Loading cannot be stopped halfway.
    const cancel = (): void => {
      this.#kill(new EdgeVlmError('CANCELLED', 'loading was cancelled'));
    };
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      if (signal?.aborted === true) cancel();
      const message = await this.#request((id) => ({ type: 'load', id, ...request }), IGNORE);
      if (message.type === 'loaded') return message;
      throw this.#kill(this.#notAMessage());
    } finally {
      signal?.removeEventListener('abort', cancel);
    }
  }

  async generate(request: WorkerRequest, signal: AbortSignal, onToken: (token: WorkerToken) => void): Promise<WorkerAnswer> {
    const message = await this.#request((id) => ({ type: 'generate', id, ...toPythonGenerate(request) }), { ...IGNORE, onToken }, signal);
    if (message.type === 'done') return toAnswer(message);
    throw this.#kill(this.#notAMessage());
  }

  async score(request: WorkerRequest, tokens: readonly number[], signal: AbortSignal): Promise<ScoredAnswer> {
    const logits: Float32Array[] = [];
    const onLogits = (values: string): void => {
      // A copy of its own, which is aligned.
      logits.push(new Float32Array(Uint8Array.from(Buffer.from(values, 'base64')).buffer));
    };
    const make = (id: number): ToPython => ({ type: 'generate', id, ...toPythonGenerate(request, tokens) });
    const message = await this.#request(make, { ...IGNORE, onLogits }, signal);
    if (message.type === 'done') return { promptTokens: message.prompt_tokens, logits };
    throw this.#kill(this.#notAMessage());
  }

  /** Asks the process to leave, then kills its group. May be called twice. */
  async close(): Promise<void> {
    this.#fail(new EdgeVlmError('CANCELLED', 'the Python process was stopped'));
    this.#write({ type: 'stop' });
    this.#child.stdin.end();
    const timer = setTimeout(() => {
      this.#killGroup();
    }, this.#patience.stopGrace_ms);
    await this.exited;
    clearTimeout(timer);
  }

  async #request(
    make: (id: number) => ToPython,
    listeners: Pick<Pending, 'onToken' | 'onLogits'>,
    signal?: AbortSignal,
  ): Promise<Answer> {
    const id = this.#nextId++;
    const cancel = (): void => {
      this.#cancel(id);
    };
    try {
      return await new Promise((resolve, reject) => {
        if (this.#failure !== undefined) throw this.#failure;
        const message = make(id);
        const line = `${JSON.stringify(message)}\n`;
        if (line.length > LONGEST_REQUEST) throw new EdgeVlmError('IMAGE_TOO_LARGE', `the pictures of a request have more than ${LONGEST_REQUEST} bytes`);
        this.#pending.set(id, { ...listeners, resolve, reject });
        this.#child.stdin.write(line);
        signal?.addEventListener('abort', cancel, { once: true });
        if (signal?.aborted === true) cancel();
      });
    } finally {
      signal?.removeEventListener('abort', cancel);
    }
  }

  async #whenReady(signal?: AbortSignal): Promise<void> {
    const { ready_ms } = this.#patience;
    let timer: NodeJS.Timeout | undefined;
    let cancel: (() => void) | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#onReady = resolve;
        timer = setTimeout(() => {
          reject(new EdgeVlmError('ENGINE_TIMEOUT', `the Python process was not ready after ${ready_ms} ms${this.#said()}`));
        }, ready_ms);
        cancel = (): void => {
          reject(new EdgeVlmError('CANCELLED', 'starting Python was cancelled'));
        };
        signal?.addEventListener('abort', cancel, { once: true });
        if (signal?.aborted === true) cancel();
        void this.exited.then(() => {
          reject(this.#failure ?? new EdgeVlmError('ENGINE_CRASHED', 'the Python process ended before it was ready'));
        });
      });
    } finally {
      clearTimeout(timer);
      if (cancel !== undefined) signal?.removeEventListener('abort', cancel);
    }
    if (this.#versions?.protocol !== PROTOCOL_VERSION)
      throw new EdgeVlmError('LOAD_ERROR', `the Python process speaks version ${this.#versions?.protocol} of the protocol, not ${PROTOCOL_VERSION}`);
  }

  /** It answers at once, so the middle between question and answer is when it looked at its clock, give or take half of that. */
  async #compareClocks(): Promise<void> {
    let quickest_ms = Infinity;
    for (let i = 0; i < CLOCK_ROUNDS; i++) {
      const asked_ms = performance.now();
      const message = await this.#request((id) => ({ type: 'time', id }), IGNORE);
      const answered_ms = performance.now();
      if (message.type !== 'time') throw this.#notAMessage();
      if (answered_ms - asked_ms >= quickest_ms) continue;
      quickest_ms = answered_ms - asked_ms;
      this.#ahead_ms = message.now_ms - (asked_ms + answered_ms) / 2;
    }
  }

  #receive(bytes: Buffer): void {
    if (this.#failure !== undefined) return;
    const messages = this.#lines.push(bytes)?.map(parsePythonMessage) ?? [undefined];
    for (const message of messages) {
      if (message === undefined) {
        this.#kill(this.#notAMessage());
        return;
      }
      this.#deliver(message);
    }
  }

  #deliver(message: PythonMessage): void {
    switch (message.type) {
      case 'ready':
        this.#versions = message;
        this.#onReady?.();
        return;
      case 'token':
        this.#pending.get(message.id)?.onToken({ token: message.token, text: message.text, at_ms: message.at_ms - this.#ahead_ms });
        return;
      case 'logits':
        this.#pending.get(message.id)?.onLogits(message.values);
        return;
      case 'time':
      case 'loaded':
      case 'done':
        this.#settle(message.id)?.resolve(message);
        return;
      case 'error': {
        const error = EdgeVlmError.fromJSON({ code: message.code, message: redact(message.message) });
        if (message.id === null) this.#kill(error);
        else this.#settle(message.id)?.reject(error);
        return;
      }
      default:
        message satisfies never;
    }
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    clearTimeout(pending?.overdue);
    this.#pending.delete(id);
    return pending;
  }

  #cancel(id: number): void {
    const pending = this.#pending.get(id);
    if (pending === undefined || pending.overdue !== undefined) return;
    const { cancelGrace_ms } = this.#patience;
    this.#write({ type: 'cancel', id });
    pending.overdue = setTimeout(() => {
      this.#kill(
        new EdgeVlmError('ENGINE_TIMEOUT', `the Python process hung: it did not end a cancelled request in ${cancelGrace_ms} ms and was killed`),
      );
    }, cancelGrace_ms);
  }

  #write(message: ToPython): void {
    if (this.#child.stdin.writable) this.#child.stdin.write(`${JSON.stringify(message)}\n`);
  }

  #notAMessage(): EdgeVlmError {
    return new EdgeVlmError('ENGINE_CRASHED', 'the Python process sent something that is not a message');
  }

  #kill(failure: EdgeVlmError): EdgeVlmError {
    this.#fail(failure);
    this.#killGroup();
    return failure;
  }

  /** Also what it left behind; its number stays taken as long as its group has members. */
  #killGroup(): void {
    const { pid } = this.#child;
    if (pid === undefined || this.#groupKilled) return;
    try {
      if (process.platform === 'win32') this.#child.kill('SIGKILL');
      else process.kill(-pid, 'SIGKILL');
    } catch {
      // Nobody is left.
    }
  }

  #fail(failure: EdgeVlmError): void {
    this.#failure ??= failure;
    for (const id of [...this.#pending.keys()]) this.#settle(id)?.reject(this.#failure);
  }

  /** The last words on standard error, after a colon. */
  #said(): string {
    const said = nativeMessage(this.#stderr);
    return said === null ? '' : `: ${redact(said)}`;
  }

  async #watchExit(): Promise<void> {
    const child = this.#child;
    const drained = new Promise((resolve) => child.once('close', resolve));
    const cause = await new Promise<ReturnType<typeof exitCause>>((resolve) => {
      child.once('exit', (code, signal) => {
        resolve(exitCause(code, signal));
      });
      child.once('error', (error) => {
        // Emitted without an exit only when the process could not be started.
        this.#stderr += `\n${error.message}`;
        if (child.pid === undefined) resolve(exitCause(1, null));
      });
    });
    this.#killGroup();
    this.#groupKilled = true;
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([drained, new Promise((resolve) => (timer = setTimeout(resolve, DRAIN_MS)))]);
    clearTimeout(timer);
    this.#fail(new EdgeVlmError('ENGINE_CRASHED', `the Python process ${describeExit(cause)}${this.#said()}`));
  }
}

/** For requests that tell nothing before they end. */
const IGNORE: Pick<Pending, 'onToken' | 'onLogits'> = { onToken: () => undefined, onLogits: () => undefined };

function toAnswer(message: DoneMessage): WorkerAnswer {
  const { queue_ms, tokenise_ms, prepare_ms, encode_ms, prefill_ms, decode_ms } = message;
  return {
    finishReason: message.finish_reason,
    promptTokens: message.prompt_tokens,
    imageTokens: message.image_tokens,
    ...(message.completion_tokens !== null && { completionTokens: message.completion_tokens }),
    stages: { queue_ms, tokenise_ms, prepare_ms, encode_ms, prefill_ms, decode_ms, sample_ms: null },
    warnings: message.warnings,
  };
}
