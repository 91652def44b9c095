import { EdgeVlmError } from '../core/errors.js';
import type { AdmissionQueue } from './admission-queue.js';

/** What the queues of all models come to. */
export class QueueTotals {
  constructor(
    private readonly queues: () => readonly Pick<AdmissionQueue, 'running' | 'waiting' | 'superseded' | 'pause' | 'retryAfter_s'>[],
  ) {}

  get running(): number {
    return this.queues().reduce((sum, { running }) => sum + running, 0);
  }

  get waiting(): number {
    return this.queues().reduce((sum, { waiting }) => sum + waiting, 0);
  }

  /** Requests whose place a newer one of the same source took. */
  get superseded(): number {
    return this.queues().reduce((sum, { superseded }) => sum + superseded, 0);
  }

  /** All models pause together. */
  get pause(): AdmissionQueue['pause'] {
    return this.queues().find(({ pause }) => pause !== undefined)?.pause;
  }

  /** Whole seconds after which every model should have a place free. */
  get retryAfter_s(): number {
    return Math.max(1, ...this.queues().map(({ retryAfter_s }) => retryAfter_s));
  }

  /** What a request is told for which there is no place. */
  refusal(): EdgeVlmError {
    return new EdgeVlmError('QUEUE_FULL', `${this.running} requests run and ${this.waiting} wait`);
  }
}
