import { EdgeVlmError } from '../core/errors.js';
import type { ChatMessage, GenerateEvent, GenerateRequest, GenerateResult, ModelDescription } from '../core/generator.js';
import type { PictureFingerprint } from '../core/picture-fingerprint.js';
import { isProcessAlive } from '../core/is-process-alive.js';
import type { OpenRuntime } from '../core/runtime.js';
import type { Admission, Freshest } from './admission-queue.js';
import type { InferenceObserver } from './inference-metrics.js';
import type { Lease, ModelPool } from './model-pool.js';
import { pictureHash } from './picture-hash.js';
import type { PictureIntake } from './picture-intake.js';
import { fetchPictures } from './picture-fetch/fetch-pictures.js';
import type { PictureFetcher } from './picture-fetch/picture-fetcher.js';
import { Quarantine } from './quarantine.js';
import { QueueTotals } from './queue-totals.js';
import type { ServedModel } from './served-model.js';
import { checkPolicies } from './check-policies.js';
import { pictureQuestion, SimilarAnswers } from './similar-answers.js';
import type { ServedRequest } from './served-request.js';
import type { ServedEvent, ServedResult, ServingTimings } from './served-result.js';
import { unlessAborted } from './unless-aborted.js';

export interface InferenceServiceOptions {
  readonly models: ModelPool;
  /** Absent: no picture is fetched. */
  readonly fetcher?: PictureFetcher;
  /** For requests that name no deadline, milliseconds. */
  readonly deadline_ms: number;
  readonly observers: readonly InferenceObserver[];
  /** For requests that do not say; `ServedRequest.reuseSimilar`. Default 0: every answer is the model's own. */
  readonly reuseSimilar?: number;
  /** Default: an empty one that is forgotten at the end. */
  readonly quarantine?: Quarantine;
}

/** Who asks. */
export interface Caller {
  /** Clients take turns: an address, or a key's hash. */
  readonly client: string;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /** The answer is of no use after so long. */
  readonly deadline_ms?: number;
  /** Present where only the newest of what a source sends is of use. */
  readonly freshest?: Freshest;
}

/** Answers requests: which model, admission, pictures, what becomes of a crash. Knows nothing of HTTP. */
export class InferenceService {
  /** Of all models together. */
  readonly queue: QueueTotals;
  /** For all models: a picture that ended one of them is no more trusted with another. */
  readonly quarantine: Quarantine;
  readonly #similarAnswers = new SimilarAnswers();
  #draining = false;
  #active = 0;
  #idle: (() => void) | undefined;

  constructor(private readonly options: InferenceServiceOptions) {
    this.queue = new QueueTotals(() => options.models.all.map(({ queue }) => queue));
    this.quarantine = options.quarantine ?? new Quarantine();
  }

  get models(): ModelPool {
    return this.options.models;
  }

  get isDraining(): boolean {
    return this.#draining;
  }

  /**
   * Streams one answer. A reader that leaves early ends it.
   * @throws MODEL_UNKNOWN, QUEUE_FULL, SUPERSEDED, DEADLINE_EXCEEDED, CANCELLED, SHUTTING_DOWN, PICTURE_QUARANTINED, ENGINE_CRASHED; what the model, pictures and
   * `PictureFetcher.fetch` throw
   */
  async *run(request: ServedRequest, caller: Caller): AsyncGenerator<ServedEvent, void, void> {
    const { observers, deadline_ms: longest_ms } = this.options;
    if (this.#draining) throw new EdgeVlmError('SHUTTING_DOWN', 'the server is stopping');
    const deadline = new AbortController();
    const limit_ms = caller.deadline_ms ?? longest_ms;
    const timer = setTimeout(() => {
      deadline.abort(new EdgeVlmError('DEADLINE_EXCEEDED', `there was no answer after ${limit_ms} ms`));
    }, limit_ms);
    let failure = new EdgeVlmError('CANCELLED', 'the client left');
    let done = false;
    let answering: ServedModel | undefined;
    const signal = AbortSignal.any([caller.signal, deadline.signal]);
    this.#active++;
    try {
      const { model: asked, ...rest } = request;
      const lease = await this.models.acquire(asked, signal);
      answering = lease.model;
      for await (const event of released(this.#answer(lease, rest, caller, signal), lease.release)) {
        if (event.type === 'done') {
          done = true;
          for (const observer of observers) observer.answered(event.result);
        }
        yield event;
      }
    } catch (thrown) {
      failure = EdgeVlmError.from(thrown);
      throw failure;
    } finally {
      clearTimeout(timer);
      if (!done) for (const observer of observers) observer.failed(failure.code, answering?.name ?? null);
      if (--this.#active === 0) this.#idle?.();
    }
  }

  /** The whole answer at once. @throws as `run` */
  async answer(request: ServedRequest, caller: Caller): Promise<ServedResult> {
    for await (const event of this.run(request, caller)) if (event.type === 'done') return event.result;
    throw new EdgeVlmError('INTERNAL', 'the model ended without a result');
  }

  /** Takes no more requests, waits until those that were taken have ended, and ends the models' processes. */
  async close(): Promise<void> {
    this.#draining = true;
    if (this.#active > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
    await this.models.close();
    await this.quarantine.saved();
  }

  async *#answer(lease: Lease, request: ServedRequest, caller: Caller, signal: AbortSignal): AsyncGenerator<ServedEvent, void, void> {
    const { model, waited_ms } = lease;
    const arrived = performance.now() - waited_ms;
    const { input: sent, fetch_ms } = await fetchPictures(request.input, this.options.fetcher, signal);
    const hashes = picturesOf(sent).map(pictureHash);
    const admission = await this.#enter(model, caller, hashes, signal);
    try {
      this.quarantine.check(hashes);
      const { description } = (await unlessAborted(model.supervisor.runtime(), signal)).generator;
      const { expects = {}, reuseSimilar = this.options.reuseSimilar ?? 0, ...settings } = request;
      checkPolicies(expects, description);
      const pictures = new PreparedPictures(model.source.preparePicture, description, reuseSimilar > 0);
      const asked = { ...settings, input: await unlessAborted(pictures.prepare(sent), signal) };
      // Another one when the engine died meanwhile: these pictures had no part in that.
      const runtime = await unlessAborted(model.supervisor.runtime(), signal);
      const isTold = pictures.fingerprints.length === hashes.length;
      const question = isTold ? pictureQuestion(caller.client, asked, description, pictures.fingerprints) : null;
      const earlier = question === null ? undefined : this.#similarAnswers.find(question, reuseSimilar);
      let ttft_ms = 0;
      for await (const event of earlier === undefined ? this.#generate(model, runtime, asked, hashes, signal) : again(earlier.result)) {
        if (event.type === 'token') {
          if (ttft_ms === 0) ttft_ms = performance.now() - arrived;
          yield event;
          continue;
        }
        const { decode_ms: image_decode_ms, preprocess_ms } = pictures;
        const total_ms = performance.now() - arrived;
        const queue_ms = waited_ms + admission.queue_ms;
        const serving: ServingTimings = { queue_ms, fetch_ms, image_decode_ms, preprocess_ms, ttft_ms, total_ms };
        const { name, source } = model;
        if (question !== null && earlier === undefined) this.#similarAnswers.remember(question, event.result);
        const generated = toldAll(event.result, asked);
        const reused = earlier && { reused: { distance: earlier.distance } };
        yield { type: 'done', result: { generated, serving, model: description, name, layers: source.layers, ...reused } };
      }
    } finally {
      admission.release();
    }
  }

  /** A suspect picture's request runs alone, and it may become suspect while it waits. */
  async #enter(model: ServedModel, { client, freshest }: Caller, hashes: readonly string[], signal: AbortSignal): Promise<Admission> {
    for (;;) {
      this.quarantine.check(hashes);
      const alone = this.quarantine.isSuspect(hashes);
      const admission = await model.queue.enter({ client, alone, freshest, signal });
      if (alone || !this.quarantine.isSuspect(hashes)) return admission;
      admission.release();
    }
  }

  async *#generate(
    { supervisor }: ServedModel,
    runtime: OpenRuntime,
    request: GenerateRequest,
    hashes: readonly string[],
    signal: AbortSignal,
  ): AsyncGenerator<GenerateEvent, void, void> {
    try {
      for await (const event of runtime.generator.generate(request, signal)) {
        if (event.type === 'done') {
          if (event.result.finishReason === 'cancelled') throw EdgeVlmError.from(signal.reason);
          supervisor.answered();
          this.quarantine.clear(hashes);
        }
        yield event;
      }
    } catch (thrown) {
      const error = EdgeVlmError.from(thrown);
      if (hasDied(runtime, error)) {
        this.quarantine.strike(hashes);
        supervisor.died(runtime);
      }
      throw error;
    }
  }
}

/** Decodes and cuts the pictures of one request, and adds up what it took. */
class PreparedPictures {
  decode_ms = 0;
  preprocess_ms = 0;

  /** Of every picture, where they are wanted and the intake tells them. */
  readonly fingerprints: PictureFingerprint[] = [];

  constructor(
    private readonly prepareOne: PictureIntake,
    private readonly model: ModelDescription,
    private readonly wantsFingerprints: boolean,
  ) {}

  /** One after the other: a request with many pictures takes no more memory for decoding than one with one. */
  async prepare(input: GenerateRequest['input']): Promise<GenerateRequest['input']> {
    if ('prompt' in input) return input;
    const messages: ChatMessage[] = [];
    for (const { role, content } of input.messages) {
      const parts: ChatMessage['content'][number][] = [];
      for (const part of content) {
        if (part.type !== 'picture') {
          parts.push(part);
          continue;
        }
        const ready = await this.prepareOne(part.bytes, this.model);
        this.decode_ms += ready.decode_ms;
        this.preprocess_ms += ready.preprocess_ms;
        const fingerprint = this.wantsFingerprints ? await ready.fingerprint?.() : undefined;
        if (fingerprint !== undefined) this.fingerprints.push(fingerprint);
        parts.push(ready.part);
      }
      messages.push({ role, content: parts });
    }
    return { messages };
  }
}

function picturesOf(input: GenerateRequest['input']): Uint8Array[] {
  if ('prompt' in input) return [];
  return input.messages.flatMap(({ content }) => content.flatMap((part) => (part.type === 'picture' ? [part.bytes] : [])));
}

/** Whether an error means that the model's process is of no more use: it is gone, or it hung and was killed. */
function hasDied(runtime: OpenRuntime, { code }: EdgeVlmError): boolean {
  return code === 'ENGINE_CRASHED' || code === 'ENGINE_TIMEOUT' || !runtime.pids().every(isProcessAlive);
}

/** Where a runtime does not tell what was asked for, the answer says so. */
function toldAll(result: GenerateResult, { logprobs }: GenerateRequest): GenerateResult {
  if (logprobs === undefined || result.logprobs !== undefined) return result;
  return { ...result, warnings: [...result.warnings, 'this runtime does not tell how likely tokens were'] };
}

/** An answer that is there already, as a model would stream it. */
// eslint-disable-next-line @typescript-eslint/require-await -- there is nothing to wait for
async function* again(result: GenerateResult): AsyncGenerator<GenerateEvent, void, void> {
  yield { type: 'token', token: null, text: result.text };
  yield { type: 'done', result };
}

/** The same events, and a word when they have ended, however that was. */
async function* released<T>(events: AsyncGenerator<T, void, void>, release: () => void): AsyncGenerator<T, void, void> {
  try {
    yield* events;
  } finally {
    release();
  }
}
