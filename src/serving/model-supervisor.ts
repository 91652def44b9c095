import { setTimeout as sleep } from 'node:timers/promises';
import { EdgeVlmError } from '../core/errors.js';
import { isProcessAlive } from '../core/is-process-alive.js';
import type { Logger } from '../core/logger.js';
import type { OpenRuntime } from '../core/runtime.js';

/** `restarting` while there is no engine; requests wait for it. */
export type ModelState = 'ready' | 'restarting' | 'stopped';

export interface SupervisorOptions {
  /** Loads the model; called again after every crash. */
  readonly open: (signal: AbortSignal) => Promise<OpenRuntime>;
  readonly logger: Logger;
  /** Of the model, for the log. */
  readonly name?: string;
  /** Wait before the second start in a row; doubles up to 30 s. Default 250 ms. The first start after a crash is at once. */
  readonly backoff_ms?: number;
  /** How often it is looked whether the process still lives, milliseconds. Default 500. */
  readonly watch_ms?: number;
}

const LONGEST_BACKOFF_MS = 30_000;

/** Keeps a model loaded: when its process dies, it is started again, each time in a row after a longer wait. */
export class ModelSupervisor {
  #current: OpenRuntime | undefined;
  #next: Promise<OpenRuntime>;
  /** Starts in a row that were not followed by an answer. */
  #attempts = 0;
  #restarts = 0;
  readonly #stop = new AbortController();
  readonly #watch: NodeJS.Timeout;

  private constructor(
    first: OpenRuntime,
    private readonly options: SupervisorOptions,
  ) {
    this.#current = first;
    this.#next = Promise.resolve(first);
    this.#watch = setInterval(() => {
      this.#look();
    }, options.watch_ms ?? 500).unref();
  }

  /** @throws what the first load throws: a server without a model is not started */
  static async start(options: SupervisorOptions, signal: AbortSignal): Promise<ModelSupervisor> {
    return new ModelSupervisor(await options.open(signal), options);
  }

  get state(): ModelState {
    if (this.#stop.signal.aborted) return 'stopped';
    return this.#current === undefined ? 'restarting' : 'ready';
  }

  /** How often the model was loaded again. */
  get restarts(): number {
    return this.#restarts;
  }

  /** Processes that hold the model now. */
  pids(): readonly number[] {
    return this.#current?.pids() ?? [];
  }

  /**
   * The model; after a crash the one that is being loaded.
   * @throws ENGINE_CRASHED when it could not be loaded again; SHUTTING_DOWN
   */
  async runtime(): Promise<OpenRuntime> {
    if (this.#stop.signal.aborted) throw new EdgeVlmError('SHUTTING_DOWN', 'the server is stopping');
    this.#look();
    return this.#next;
  }

  /** The model gave an answer, so the next crash is not one in a row. */
  answered(): void {
    this.#attempts = 0;
  }

  /** To be called with a runtime whose process died in mid-request. */
  died(runtime: OpenRuntime): void {
    if (this.#current !== runtime || this.#stop.signal.aborted) return;
    this.#current = undefined;
    void runtime.close().catch(() => undefined);
    this.#next = this.#restart();
    // Whoever asks next gets the error; nobody may be waiting now.
    this.#next.catch(() => undefined);
  }

  async close(): Promise<void> {
    if (this.#stop.signal.aborted) return;
    clearInterval(this.#watch);
    const current = this.#current;
    this.#stop.abort();
    const loading = await this.#next.catch(() => undefined);
    await Promise.all([current?.close(), loading?.close()]);
  }

  #look(): void {
    const current = this.#current;
    if (current === undefined) return;
    if (current.pids().every(isProcessAlive)) return;
    this.options.logger.warn('the engine process is gone', { model: this.options.name });
    this.died(current);
  }

  async #restart(): Promise<OpenRuntime> {
    const { open, logger, name: model, backoff_ms = 250 } = this.options;
    const attempt = this.#attempts++;
    if (attempt > 0) await this.#pause(Math.min(LONGEST_BACKOFF_MS, backoff_ms * 2 ** (attempt - 1)));
    try {
      this.#stop.signal.throwIfAborted();
      const runtime = await open(this.#stop.signal);
      this.#restarts++;
      this.#current = runtime;
      logger.info('the engine was started again', { model, attempt: attempt + 1, load_ms: runtime.load_ms });
      return runtime;
    } catch (thrown) {
      const { message } = EdgeVlmError.from(thrown);
      if (this.#stop.signal.aborted) throw new EdgeVlmError('SHUTTING_DOWN', 'the server is stopping');
      logger.error('the engine could not be started again', { model, attempt: attempt + 1, error: EdgeVlmError.from(thrown) });
      this.#next = this.#restart();
      this.#next.catch(() => undefined);
      throw new EdgeVlmError('ENGINE_CRASHED', `the engine could not be started again: ${message}`, { cause: thrown });
    }
  }

  async #pause(duration_ms: number): Promise<void> {
    await sleep(duration_ms, undefined, { signal: this.#stop.signal, ref: false }).catch(() => undefined);
  }
}
