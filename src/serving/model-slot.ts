import { EdgeVlmError } from '../core/errors.js';
import type { MemoryLedger } from './memory-ledger.js';
import type { ServableModel } from './servable-model.js';
import type { ServedModel } from './served-model.js';

/**
 * How a model takes its place: `new` by this name, `beside` the one before until it is ready, `after` that one has gone because memory
 * does not hold both; `unchanged` where it is there already.
 */
export type LoadKind = 'unchanged' | 'new' | 'beside' | 'after';

interface Loading {
  readonly identity: string;
  readonly model: ServedModel;
  /** How it went. */
  readonly done: Promise<void>;
}

/** What one name stands for: the model that takes requests, the one that will, and those that still answer their last. */
export class ModelSlot {
  /** Takes requests. */
  current: ServedModel | undefined;
  #loading: Loading | undefined;
  #isDropped = false;
  readonly #leaving = new Map<ServedModel, Promise<void>>();

  constructor(
    readonly name: string,
    private readonly ledger: MemoryLedger,
    /** Told of every model that leaves. */
    private readonly onLeave: (gone: Promise<void>) => void,
  ) {}

  get models(): ServedModel[] {
    return [this.current, this.#loading?.model, ...this.#leaving.keys()].filter((model) => model !== undefined);
  }

  /** What else requests may call it. */
  get aliases(): readonly string[] {
    return (this.current ?? this.#loading?.model)?.source.names ?? [];
  }

  get isEmpty(): boolean {
    return this.current === undefined && this.#loading === undefined;
  }

  /** Resolves when a request should look again for the model that takes it. @throws what its load throws */
  get filled(): Promise<void> {
    return this.#loading?.done ?? Promise.resolve();
  }

  /**
   * When what is asked for is there, where it is or is on its way; else undefined.
   * @throws MODEL_BUSY while something else is
   */
  underWay(identity: string): Promise<void> | undefined {
    if (this.#loading === undefined) return this.current?.source.identity === identity ? Promise.resolve() : undefined;
    if (this.#loading.identity === identity) return this.#loading.done;
    throw new EdgeVlmError('MODEL_BUSY', `another model is being loaded as ${this.name}`);
  }

  /** Loads a model into this place. @throws what loading throws; then the one before is in its place again */
  load(source: ServableModel, make: (source: ServableModel) => ServedModel, how: LoadKind): Promise<void> {
    const model = make(source);
    const before = this.current;
    this.ledger.hold(model);
    const loaded = how === 'after' && before !== undefined ? this.#exchange(model, before, make) : this.#start(model);
    const done = loaded.finally(() => {
      this.#loading = undefined;
    });
    this.#loading = { identity: source.identity, model, done };
    return done;
  }

  /** Lets go what is here; resolves when it has answered what it was asked. */
  async empty(): Promise<void> {
    this.#isDropped = true;
    void this.#leave(this.current);
    this.current = undefined;
    if (this.#loading !== undefined) await Promise.allSettled([this.#loading.model.retire(), this.#loading.done]);
    await Promise.all(this.#leaving.values());
  }

  async #start(model: ServedModel): Promise<void> {
    try {
      await model.start();
      if (this.#isDropped) throw new EdgeVlmError('CANCELLED', `${this.name} was unloaded`);
    } catch (thrown) {
      await model.retire().catch(() => undefined);
      this.ledger.release(model);
      throw thrown;
    }
    void this.#leave(this.current);
    this.current = model;
  }

  /** The one before first answers what it has and goes. Where the new one cannot be loaded it comes back. */
  async #exchange(model: ServedModel, before: ServedModel, make: (source: ServableModel) => ServedModel): Promise<void> {
    this.current = undefined;
    await this.#leave(before);
    try {
      await this.#start(model);
    } catch (thrown) {
      if (this.#isDropped) throw thrown;
      const again = make(before.source);
      this.ledger.hold(again);
      // Where that fails too, there is none by this name.
      await this.#start(again).catch(() => undefined);
      throw thrown;
    }
  }

  #leave(model: ServedModel | undefined): Promise<void> {
    if (model === undefined) return Promise.resolve();
    const leave = async (): Promise<void> => {
      // A process that does not end when it is told to is killed; nobody could do more.
      await model.retire().catch(() => undefined);
      this.#leaving.delete(model);
      this.ledger.release(model);
    };
    const gone = leave();
    this.#leaving.set(model, gone);
    this.onLeave(gone);
    return gone;
  }
}
