import { setImmediate as nextTurn } from 'node:timers/promises';

import { EdgeVlmError } from '../core/errors.js';
import type { BatchEntry, DecoderRunner } from './decoder-runner.js';
import { PromptInPieces } from './prompt-in-pieces.js';
import type { Turn } from './stage-clock.js';

/** Who waits for work, and until when. */
export interface Waiting {
  readonly turn: Turn;
  readonly signal: AbortSignal | undefined;
  /** Whose it is, so that its own stream is not among those that have to wait. */
  readonly sequence?: number;
  /** Whether more of the same kind follows before a stream's next token: a draft's guesses, a stretch of layers. Default false. */
  readonly partial?: boolean;
}

interface Job extends Waiting {
  readonly reject: (reason: EdgeVlmError) => void;
}

/** Work of one go: tokens that can share a batch, or something that needs the backend to itself. */
interface Step extends Job {
  readonly append: { readonly runner: DecoderRunner; readonly entry: BatchEntry } | null;
  readonly run: () => Promise<void>;
  readonly resolve: (logits: Float32Array) => void;
}

/** Work of several goes, between which others have theirs. */
interface SlicedJob extends Job {
  /** Prompts go ahead of pictures: they end a wait that pictures have only begun. */
  readonly isPrompt: boolean;
  /** Goes on. @param shared whether a stream waits meanwhile @returns what tells that it is finished, once it is */
  readonly next: (shared: boolean) => Promise<(() => void) | undefined>;
}

/** Streams that need several steps for a token have them between two slices, as long as that takes no longer than this. */
const PARTIAL_STEPS_MS = 100;

/**
 * Lets several generations share the backend. What they append to one model at the same time runs as one batch; pictures and long prompts
 * run slice by slice, one picture and one prompt after another, and between two slices every stream that waits has its step.
 */
export class BatchScheduler {
  #steps: Step[] = [];
  readonly #sliced: SlicedJob[] = [];
  /** Generations that are in their answer. */
  readonly #streams = new Set<number>();
  #draining = false;
  #computing = false;
  /** Whether a prompt has ended since the last slice of a picture. */
  #promptHadTurn = false;

  /** @param shareLimit entries with more tokens than this run in pieces of their own */
  constructor(private readonly shareLimit = 32) {}

  /** Whether work runs or waits. */
  get busy(): boolean {
    return this.#computing || this.#steps.length + this.#sliced.length > 0;
  }

  /** Tells that a generation streams tokens from now on: until it ends, long prompts come in smaller pieces. */
  openStream(sequence: number): void {
    this.#streams.add(sequence);
  }

  /** Tells that a generation has ended, whether it streamed or not. */
  closeStream(sequence: number): void {
    this.#streams.delete(sequence);
  }

  /** Appends tokens to a sequence and returns the logits asked for. @throws CONTEXT_FULL, CANCELLED */
  append(runner: DecoderRunner, entry: BatchEntry, waiting: Waiting): Promise<Float32Array> {
    if (entry.tokens.length > this.shareLimit && entry.logits !== 'all') {
      const pieces = new PromptInPieces(runner, entry);
      return this.#slice((shared) => pieces.next(shared, waiting.signal), waiting, true);
    }
    return new Promise((resolve, reject) => {
      this.#steps.push({ ...waiting, append: { runner, entry }, resolve, reject, run: () => Promise.resolve() });
      this.#wake();
    });
  }

  /** Runs work that needs the backend to itself, in one go. */
  exclusive<T>(work: () => Promise<T>, waiting: Waiting): Promise<T> {
    return new Promise((resolve, reject) => {
      const run = async (): Promise<void> => {
        resolve(await work());
      };
      this.#steps.push({ ...waiting, append: null, run, reject, resolve: () => undefined });
      this.#wake();
    });
  }

  /**
   * Runs work that needs the backend to itself, slice by slice. No other such work begins before it has ended.
   * @param next goes on with it; undefined while it is not finished
   */
  inSlices<T>(next: () => Promise<T | undefined>, waiting: Waiting): Promise<T> {
    return this.#slice(next, waiting, false);
  }

  /** @param next `shared`: whether streams have to wait meanwhile */
  #slice<T>(next: (shared: boolean) => Promise<T | undefined>, waiting: Waiting, isPrompt: boolean): Promise<T> {
    return new Promise((resolve, reject) => {
      const goOn = async (shared: boolean): Promise<(() => void) | undefined> => {
        const result = await next(shared);
        if (result === undefined) return undefined;
        return () => {
          resolve(result);
        };
      };
      this.#sliced.push({ ...waiting, isPrompt, next: goOn, reject });
      this.#wake();
    });
  }

  #wake(): void {
    if (!this.#draining) void this.#drain();
  }

  /** Never rejects: every failure goes to the job it belongs to. */
  async #drain(): Promise<void> {
    this.#draining = true;
    while (this.#steps.length + this.#sliced.length > 0) {
      await this.#runSteps();
      await this.#runSlice();
    }
    this.#draining = false;
  }

  /** Every step that waits; more of them while streams need several for a token. */
  async #runSteps(): Promise<void> {
    const start = performance.now();
    for (let partial = true; partial;) {
      // A turn of the event loop: the generations that the last batch served put in their next tokens, messages come in.
      await nextTurn();
      let due = this.#steps.length;
      partial = false;
      while (due > 0) {
        const batch = this.#take(due);
        due -= batch.length;
        partial ||= batch.some((job) => job.partial === true);
        await this.#runBatch(batch);
      }
      if (performance.now() - start > PARTIAL_STEPS_MS) return;
    }
  }

  async #runSlice(): Promise<void> {
    const job = this.#nextSliced();
    if (job === undefined) return;
    let finish: (() => void) | undefined;
    try {
      if (job.signal?.aborted === true) throw new EdgeVlmError('CANCELLED', 'cancelled');
      job.turn.begin();
      this.#computing = true;
      finish = await job.next(this.#isShared(job));
    } catch (thrown) {
      finish = () => {
        job.reject(EdgeVlmError.from(thrown));
      };
    }
    this.#computing = false;
    if (finish === undefined) {
      job.turn.end();
    } else {
      this.#sliced.splice(this.#sliced.indexOf(job), 1);
      finish();
    }
    this.#promptHadTurn = job.isPrompt && finish !== undefined;
  }

  /** The first prompt or the first picture; a picture is not overtaken by two prompts in a row. */
  #nextSliced(): SlicedJob | undefined {
    const prompt = this.#sliced.find(({ isPrompt }) => isPrompt);
    const picture = this.#sliced.find(({ isPrompt }) => !isPrompt);
    return this.#promptHadTurn ? (picture ?? prompt) : (prompt ?? picture);
  }

  #isShared({ sequence }: SlicedJob): boolean {
    const own = sequence !== undefined && this.#streams.has(sequence) ? 1 : 0;
    return this.#streams.size > own || this.#steps.length > 0;
  }

  /** The next of the first `due` steps, and those of them that can run in the same batch. */
  #take(due: number): Step[] {
    const [first, ...rest] = this.#steps.slice(0, due);
    if (first === undefined) return [];
    const batch = [first];
    let tokens = first.append?.entry.tokens.length ?? Infinity;
    for (const job of rest) {
      const length = job.append?.entry.tokens.length ?? Infinity;
      if (job.append === null || job.append.runner !== first.append?.runner) continue;
      // A shared batch is one micro-batch: it takes effect as a whole or not at all.
      if (tokens + length > job.append.runner.microBatch) continue;
      batch.push(job);
      tokens += length;
    }
    this.#steps = this.#steps.filter((job) => !batch.includes(job));
    return batch;
  }

  async #runBatch(taken: readonly Step[]): Promise<void> {
    const jobs = taken.filter(({ signal, reject }) => {
      if (signal?.aborted !== true) return true;
      reject(new EdgeVlmError('CANCELLED', 'cancelled'));
      return false;
    });
    const [only] = jobs;
    if (only === undefined) return;
    for (const { turn } of jobs) turn.begin();
    this.#computing = true;
    try {
      if (only.append === null) {
        await only.run();
        return;
      }
      const entries = jobs.flatMap(({ append }) => (append === null ? [] : [append.entry]));
      const results = await only.append.runner.decode(entries, jobs.length === 1 ? only.signal : undefined);
      jobs.forEach(({ resolve }, i) => {
        resolve(results[i] ?? new Float32Array());
      });
    } catch (thrown) {
      if (jobs.length === 1) only.reject(EdgeVlmError.from(thrown));
      // One entry of a shared batch that does not fit must not fail the others.
      else for (const job of jobs) await this.#runBatch([job]);
    } finally {
      this.#computing = false;
    }
  }
}
