import { EdgeVlmError } from '../core/errors.js';
import type { ModelDescription } from '../core/generator.js';
import type { Logger } from '../core/logger.js';
import { AdmissionQueue, type AdmissionOptions } from './admission-queue.js';
import type { MemoryHolder } from './memory-ledger.js';
import { ModelSupervisor, type ModelState, type SupervisorOptions } from './model-supervisor.js';
import type { ServableModel } from './servable-model.js';

export interface ServedModelOptions {
  readonly logger: Logger;
  /** Of its own queue. */
  readonly admission: AdmissionOptions;
  readonly supervision?: Pick<SupervisorOptions, 'backoff_ms' | 'watch_ms'>;
}

/**
 * `loading` for the first time; `restarting` after its process died, and requests wait for it; `stopping`: takes no more requests, and
 * ends when those that it has are answered.
 */
export const MODEL_STATES = ['loading', 'ready', 'restarting', 'stopping', 'stopped'] as const satisfies readonly (
  ModelState | 'loading' | 'stopping'
)[];
export type ServedModelState = (typeof MODEL_STATES)[number];

/** A model with its queue and the process that holds it, and how many requests it still owes an answer. */
export class ServedModel implements MemoryHolder {
  readonly queue: AdmissionQueue;
  /** When it was asked for, milliseconds since 1970. */
  readonly created_ms = Date.now();
  readonly #abandon = new AbortController();
  #supervisor: ModelSupervisor | undefined;
  #description: ModelDescription | undefined;
  #users = 0;
  #retiring: Promise<void> | undefined;
  #left: (() => void) | undefined;

  constructor(
    readonly source: ServableModel,
    private readonly options: ServedModelOptions,
  ) {
    this.queue = new AdmissionQueue(options.admission);
  }

  get name(): string {
    return this.source.names[0];
  }

  get bytes(): number | null {
    return this.source.bytes;
  }

  get state(): ServedModelState {
    if (this.#supervisor === undefined) return 'loading';
    return this.#retiring !== undefined && this.#supervisor.state !== 'stopped' ? 'stopping' : this.#supervisor.state;
  }

  /** What the model said of itself when it was last loaded. @throws INTERNAL before it is loaded */
  get description(): ModelDescription {
    if (this.#description === undefined) throw new EdgeVlmError('INTERNAL', `${this.name} is not loaded`);
    return this.#description;
  }

  /** How often it was loaded again. */
  get restarts(): number {
    return this.#supervisor?.restarts ?? 0;
  }

  pids(): readonly number[] {
    return this.#supervisor?.pids() ?? [];
  }

  /** @throws INTERNAL before it is loaded */
  get supervisor(): ModelSupervisor {
    if (this.#supervisor === undefined) throw new EdgeVlmError('INTERNAL', `${this.name} is not loaded`);
    return this.#supervisor;
  }

  /** Loads it. @throws what the first load throws; CANCELLED after `retire` */
  async start(): Promise<void> {
    const { source, options } = this;
    const { signal } = this.#abandon;
    if (signal.aborted) throw new EdgeVlmError('CANCELLED', `${this.name} is not wanted any more`);
    const open: SupervisorOptions['open'] = async (until) => {
      const runtime = await source.open(until);
      this.#description = runtime.generator.description;
      return runtime;
    };
    const { logger, supervision } = options;
    const supervisor = await ModelSupervisor.start({ ...supervision, open, logger, name: this.name }, signal);
    if (this.#retiring !== undefined) {
      await supervisor.close();
      throw new EdgeVlmError('CANCELLED', `${this.name} is not wanted any more`);
    }
    this.#supervisor = supervisor;
  }

  /** Counts a request, until the function returned is called. */
  use(): () => void {
    this.#users++;
    let isLeft = false;
    return () => {
      if (isLeft) return;
      isLeft = true;
      if (--this.#users === 0) this.#left?.();
    };
  }

  /** Waits for the requests that it has, then ends its process; a load under way is given up. May be called twice. */
  retire(): Promise<void> {
    this.#retiring ??= this.#end();
    return this.#retiring;
  }

  async #end(): Promise<void> {
    if (this.#supervisor === undefined) this.#abandon.abort();
    if (this.#users > 0) await new Promise<void>((resolve) => (this.#left = resolve));
    await this.#supervisor?.close();
  }
}
