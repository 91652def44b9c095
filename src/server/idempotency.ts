import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { EdgeVlmError } from '../core/errors.js';
import { pictureHash } from '../serving/picture-hash.js';
import type { ServedRequest } from '../serving/served-request.js';
import { InvalidField } from './invalid-field.js';

/** Answers that are remembered; the oldest are forgotten first. */
const REMEMBERED = 1000;
/** How long an answer is remembered. */
const LIFETIME_MS = 600_000;
const KEY = /^[\x21-\x7e]{1,255}$/;

interface Remembered {
  readonly fingerprint: string;
  readonly answer: Promise<object>;
  readonly time_ms: number;
}

/** Requests that were sent twice with one Idempotency-Key are answered once: a client that lost an answer may ask again. */
export class IdempotencyStore {
  readonly #answers = new Map<string, Remembered>();

  /**
   * The answer of `work`, or the one that the client's key has already, also while that is being made. A failure is forgotten.
   * @param asked what `work` will answer
   * @throws IDEMPOTENCY_MISMATCH when the key was used for something else; REQUEST_INVALID for a key that is none; as `work`
   */
  async once<T extends object>(request: FastifyRequest, client: string, asked: ServedRequest, work: () => Promise<T>): Promise<T> {
    const key = request.headers['idempotency-key'];
    if (key === undefined) return work();
    if (typeof key !== 'string' || !KEY.test(key)) throw new InvalidField('Idempotency-Key', 'must be 1 to 255 printable characters');
    const name = JSON.stringify([client, request.routeOptions.url, key]);
    const fingerprint = fingerprintOf(asked);
    const known = this.#answers.get(name);
    if (known !== undefined && performance.now() - known.time_ms < LIFETIME_MS) {
      if (known.fingerprint === fingerprint) return known.answer as Promise<T>;
      throw new EdgeVlmError('IDEMPOTENCY_MISMATCH', 'this Idempotency-Key was used for another request');
    }
    const answer = work();
    this.#answers.delete(name);
    this.#answers.set(name, { fingerprint, answer, time_ms: performance.now() });
    const [oldest] = this.#answers.keys();
    if (oldest !== undefined && this.#answers.size > REMEMBERED) this.#answers.delete(oldest);
    try {
      return await answer;
    } catch (thrown) {
      if (this.#answers.get(name)?.answer === answer) this.#answers.delete(name);
      throw thrown;
    }
  }
}

/** Over all of a request; pictures by their bytes. */
function fingerprintOf(asked: ServedRequest): string {
  const json = JSON.stringify(asked, function (this: Readonly<Record<string, unknown>>, key, value: unknown) {
    // A Buffer arrives here as the list of its numbers.
    const bytes = this[key];
    return bytes instanceof Uint8Array ? pictureHash(bytes) : value;
  });
  return createHash('sha256').update(json).digest('hex');
}
