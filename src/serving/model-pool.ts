import { EdgeVlmError } from '../core/errors.js';
import type { AdmissionOptions } from './admission-queue.js';
import type { MemoryLedger } from './memory-ledger.js';
import type { SupervisorOptions } from './model-supervisor.js';
import { type LoadKind, ModelSlot } from './model-slot.js';
import type { ServableModel } from './servable-model.js';
import { ServedModel } from './served-model.js';
import { unlessAborted } from './unless-aborted.js';

export interface ModelPoolOptions {
  readonly ledger: MemoryLedger;
  readonly logger: SupervisorOptions['logger'];
  /** Of every model's own queue. */
  readonly admission: AdmissionOptions;
  readonly supervision?: Pick<SupervisorOptions, 'backoff_ms' | 'watch_ms'>;
}

/** A load that was begun. */
export interface ModelLoad {
  readonly how: LoadKind;
  /** Resolves when the model answers. @throws what loading throws; CANCELLED where it was unloaded meanwhile */
  readonly done: Promise<void>;
}

/** A model for one request. */
export interface Lease {
  readonly model: ServedModel;
  /** How long there was none. */
  readonly waited_ms: number;
  /** The request has ended; more than once does nothing. */
  readonly release: () => void;
}

/** Loads that failed and are remembered, for the list. */
const REMEMBERED_FAILURES = 32;

/** The models that are loaded, by name. Loads them, exchanges them and lets them go, and no request is lost by it. */
export class ModelPool {
  readonly #slots = new Map<string, ModelSlot>();
  readonly #failures = new Map<string, EdgeVlmError>();
  readonly #retiring = new Set<Promise<void>>();
  #isClosed = false;

  constructor(private readonly options: ModelPoolOptions) {}

  get ledger(): MemoryLedger {
    return this.options.ledger;
  }

  /** All of them, also those that are on their way in or out; names in the order in which they were first loaded. */
  get all(): ServedModel[] {
    return [...this.#slots.values()].flatMap((slot) => slot.models);
  }

  /** Those that take requests. */
  get answering(): ServedModel[] {
    return [...this.#slots.values()].flatMap(({ current }) => current ?? []);
  }

  /** The one that takes requests by this name. @throws MODEL_UNKNOWN, also while it is being loaded */
  answeringAs(asked: string): ServedModel {
    const { current, name } = this.#slotOf(asked);
    if (current === undefined)
      throw new EdgeVlmError('MODEL_UNKNOWN', `${name} is still being loaded`, { hint: 'Ask again when it is ready.' });
    return current;
  }

  /** Why loads failed, by name; the oldest are forgotten. */
  get failures(): ReadonlyMap<string, EdgeVlmError> {
    return this.#failures;
  }

  /** What a model is listed as. @param asked undefined and empty: the first @throws MODEL_UNKNOWN */
  nameOf(asked?: string | null): string {
    return this.#slotOf(asked).name;
  }

  /**
   * The model for a request; while one is loaded that nobody stands in for, waits for it.
   * @throws MODEL_UNKNOWN; what loading throws; the signal's reason
   */
  async acquire(asked: string | undefined, signal: AbortSignal): Promise<Lease> {
    const arrived = performance.now();
    for (;;) {
      const slot = this.#slotOf(asked);
      const { current, filled } = slot;
      if (current !== undefined) return { model: current, waited_ms: performance.now() - arrived, release: current.use() };
      try {
        await unlessAborted(filled, signal);
      } catch (thrown) {
        // The one before may be back; and what was unloaded before it was there is not there, which the next look tells.
        const isSettled = slot.current !== undefined || EdgeVlmError.from(thrown).code === 'CANCELLED';
        if (signal.aborted || !isSettled) throw thrown;
      }
    }
  }

  /**
   * Begins to load a model. Where its name is taken, the model of that name is exchanged: the new one is loaded beside it where memory
   * allows, else after it has answered what it was asked.
   * @throws MEMORY_BUDGET before anything is read; MODEL_BUSY while another file is loaded by that name; SHUTTING_DOWN
   */
  load(source: ServableModel): ModelLoad {
    if (this.#isClosed) throw new EdgeVlmError('SHUTTING_DOWN', 'the server is stopping');
    const [name] = source.names;
    const { ledger, ...options } = this.options;
    const known = this.#slots.get(name);
    const underWay = known?.underWay(source.identity);
    if (underWay !== undefined) return { how: 'unchanged', done: underWay };
    const how: LoadKind = known === undefined ? 'new' : ledger.fits(source.bytes) ? 'beside' : 'after';
    if (!ledger.fits(source.bytes, how === 'after' ? known?.current : undefined)) throw ledger.refusal(name, source.bytes);
    const slot =
      known ??
      new ModelSlot(name, ledger, (gone) => {
        this.#watch(gone);
      });
    this.#slots.set(name, slot);
    this.#failures.delete(name);
    const make = (from: ServableModel): ServedModel => new ServedModel(from, options);
    const done = slot.load(source, make, how).catch((thrown: unknown) => {
      const error = EdgeVlmError.from(thrown);
      if (error.code !== 'CANCELLED') this.#remember(name, error);
      if (slot.isEmpty && this.#slots.get(name) === slot) this.#slots.delete(name);
      throw error;
    });
    // Whoever wants to know awaits it; nobody may.
    done.catch(() => undefined);
    return { how, done };
  }

  /** Takes a model out; resolves when it has answered what it was asked and its memory is free. @throws MODEL_UNKNOWN */
  async unload(asked: string): Promise<void> {
    const slot = this.#slotOf(asked);
    this.#slots.delete(slot.name);
    await slot.empty();
  }

  /** Ends all models, each when it has answered what it was asked. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const slots = [...this.#slots.values()];
    this.#slots.clear();
    await Promise.all(slots.map((slot) => slot.empty()));
    await Promise.all(this.#retiring);
  }

  /** By the name that is listed, else by another of its names. @throws MODEL_UNKNOWN */
  #slotOf(asked: string | null | undefined): ModelSlot {
    const slots = [...this.#slots.values()];
    const slot =
      asked == null || asked === '' ? slots[0] : (this.#slots.get(asked) ?? slots.find(({ aliases }) => aliases.includes(asked)));
    if (slot !== undefined) return slot;
    const wanted = asked == null || asked === '' ? 'no model is loaded' : `no model ${JSON.stringify(asked.slice(0, 64))} is loaded`;
    throw new EdgeVlmError('MODEL_UNKNOWN', wanted, {
      hint: `Loaded are ${slots.map(({ name }) => name).join(', ') || 'none'}; GET /models lists what POST /models/load could load.`,
    });
  }

  #remember(name: string, error: EdgeVlmError): void {
    this.#failures.delete(name);
    this.#failures.set(name, error);
    const [oldest] = this.#failures.keys();
    if (oldest !== undefined && this.#failures.size > REMEMBERED_FAILURES) this.#failures.delete(oldest);
  }

  #watch(retired: Promise<void>): void {
    const watched = retired.finally(() => this.#retiring.delete(watched));
    this.#retiring.add(watched);
  }
}
