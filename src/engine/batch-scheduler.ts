import { setImmediate as nextTurn } from 'node:timers/promises';

import { EdgeVlmError } from '../core/errors.js';
import type { BatchEntry, DecoderRunner } from './decoder-runner.js';

interface Job {
  /** What to append and by whom, or null for other work that needs the backend to itself. */
  readonly append: { readonly runner: DecoderRunner; readonly entry: BatchEntry } | null;
  readonly signal: AbortSignal | undefined;
  /** Called when the wait is over. */
  readonly onStart: () => void;
  readonly run: () => Promise<void>;
  readonly resolve: (logits: Float32Array) => void;
  readonly reject: (reason: EdgeVlmError) => void;
}

/**
 * Lets several generations share the backend: what they append to one model at the same time runs as one batch, anything else runs
 * alone and in order. Long prompts run alone too, so that one can be cancelled in mid-graph without costing another its step.
 */
export class BatchScheduler {
  #waiting: Job[] = [];
  #draining = false;

  /** @param shareLimit entries with more tokens than this run alone */
  constructor(private readonly shareLimit = 32) {}

  /** Whether work runs or waits. */
  get busy(): boolean {
    return this.#draining;
  }

  /** Appends tokens to a sequence and returns the logits asked for. @throws CONTEXT_FULL, CANCELLED */
  append(runner: DecoderRunner, entry: BatchEntry, onStart: () => void, signal?: AbortSignal): Promise<Float32Array> {
    return new Promise((resolve, reject) => {
      this.#enqueue({ append: { runner, entry }, signal, onStart, resolve, reject, run: () => Promise.resolve() });
    });
  }

  /** Runs work that needs the backend to itself. */
  exclusive<T>(work: () => Promise<T>, onStart: () => void, signal?: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      const run = async (): Promise<void> => {
        resolve(await work());
      };
      this.#enqueue({ append: null, signal, onStart, run, reject, resolve: () => undefined });
    });
  }

  #enqueue(job: Job): void {
    this.#waiting.push(job);
    if (!this.#draining) void this.#drain();
  }

  /** Never rejects: every failure goes to the job it belongs to. */
  async #drain(): Promise<void> {
    this.#draining = true;
    while (this.#waiting.length > 0) {
      // A turn of the event loop: the generations that the last batch served put in their next tokens, messages come in.
      await nextTurn();
      await this.#run(this.#take());
    }
    this.#draining = false;
  }

  /** The next job, and those that can run in the same batch. */
  #take(): Job[] {
    const [first, ...rest] = this.#waiting;
    if (first === undefined) return [];
    const batch = [first];
    let tokens = first.append?.entry.tokens.length ?? Infinity;
    for (const job of tokens > this.shareLimit ? [] : rest) {
      const length = job.append?.entry.tokens.length ?? Infinity;
      if (job.append === null || job.append.runner !== first.append?.runner) continue;
      // A shared batch is one micro-batch: it takes effect as a whole or not at all.
      if (length > this.shareLimit || tokens + length > job.append.runner.microBatch) continue;
      batch.push(job);
      tokens += length;
    }
    this.#waiting = this.#waiting.filter((job) => !batch.includes(job));
    return batch;
  }

  async #run(taken: readonly Job[]): Promise<void> {
    const jobs = taken.filter(({ signal, reject }) => {
      if (signal?.aborted !== true) return true;
      reject(new EdgeVlmError('CANCELLED', 'cancelled'));
      return false;
    });
    const [only] = jobs;
    if (only === undefined) return;
    for (const { onStart } of jobs) onStart();
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
      else for (const job of jobs) await this.#run([job]);
    }
  }
}
