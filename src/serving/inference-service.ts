import { createHash } from 'node:crypto';
import { EdgeVlmError } from '../core/errors.js';
import type { ChatMessage, GenerateRequest, GenerateResult, ModelDescription } from '../core/generator.js';
import { isProcessAlive } from '../core/is-process-alive.js';
import type { OpenRuntime } from '../core/runtime.js';
import { type Admission, AdmissionQueue } from './admission-queue.js';
import type { InferenceObserver } from './inference-metrics.js';
import type { ModelSupervisor } from './model-supervisor.js';
import type { PictureIntake } from './picture-intake.js';
import { Quarantine } from './quarantine.js';
import type { ServedEvent, ServedResult, ServingTimings } from './served-result.js';

export interface InferenceServiceOptions {
  readonly supervisor: ModelSupervisor;
  readonly preparePicture: PictureIntake;
  /** Requests that run at once. */
  readonly parallel: number;
  /** Requests that may wait. */
  readonly maxQueue: number;
  /** For requests that name no deadline, milliseconds. */
  readonly deadline_ms: number;
  readonly observers: readonly InferenceObserver[];
}

/** Who asks. */
export interface Caller {
  /** Clients take turns: an address, or a key's hash. */
  readonly client: string;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /** The answer is of no use after so long. */
  readonly deadline_ms?: number;
}

/** Answers requests: admission, pictures, the model, what becomes of a crash. Knows nothing of HTTP. */
export class InferenceService {
  readonly queue: AdmissionQueue;
  readonly quarantine = new Quarantine();
  #draining = false;
  #active = 0;
  #idle: (() => void) | undefined;

  constructor(private readonly options: InferenceServiceOptions) {
    this.queue = new AdmissionQueue({ slots: options.parallel, maxQueue: options.maxQueue });
  }

  get supervisor(): ModelSupervisor {
    return this.options.supervisor;
  }

  get isDraining(): boolean {
    return this.#draining;
  }

  /** Of the model that is loaded; while one is loaded again, of that. @throws as `ModelSupervisor.runtime` */
  async description(): Promise<ModelDescription> {
    return (await this.supervisor.runtime()).generator.description;
  }

  /**
   * Streams one answer. A reader that leaves early ends it.
   * @throws QUEUE_FULL, DEADLINE_EXCEEDED, CANCELLED, SHUTTING_DOWN, PICTURE_QUARANTINED, ENGINE_CRASHED; what the model and pictures throw
   */
  async *run(request: GenerateRequest, caller: Caller): AsyncGenerator<ServedEvent, void, void> {
    const { observers, deadline_ms: longest_ms } = this.options;
    if (this.#draining) throw new EdgeVlmError('SHUTTING_DOWN', 'the server is stopping');
    const deadline = new AbortController();
    const limit_ms = caller.deadline_ms ?? longest_ms;
    const timer = setTimeout(() => {
      deadline.abort(new EdgeVlmError('DEADLINE_EXCEEDED', `there was no answer after ${limit_ms} ms`));
    }, limit_ms);
    let failure = new EdgeVlmError('CANCELLED', 'the client left');
    let done = false;
    this.#active++;
    try {
      for await (const event of this.#answer(request, caller.client, AbortSignal.any([caller.signal, deadline.signal]))) {
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
      if (!done) for (const observer of observers) observer.failed(failure.code);
      if (--this.#active === 0) this.#idle?.();
    }
  }

  /** The whole answer at once. @throws as `run` */
  async answer(request: GenerateRequest, caller: Caller): Promise<ServedResult> {
    for await (const event of this.run(request, caller)) if (event.type === 'done') return event.result;
    throw new EdgeVlmError('INTERNAL', 'the model ended without a result');
  }

  /** Takes no more requests, waits until those that were taken have ended, and ends the model's process. */
  async close(): Promise<void> {
    this.#draining = true;
    if (this.#active > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
    await this.supervisor.close();
  }

  async *#answer(request: GenerateRequest, client: string, signal: AbortSignal): AsyncGenerator<ServedEvent, void, void> {
    const arrived = performance.now();
    const hashes = picturesOf(request.input).map((bytes) => createHash('sha256').update(bytes).digest('hex'));
    const admission = await this.#enter(client, hashes, signal);
    try {
      this.quarantine.check(hashes);
      const runtime = await unlessAborted(this.supervisor.runtime(), signal);
      const pictures = new PreparedPictures(this.options.preparePicture, runtime.generator.description);
      const input = await unlessAborted(pictures.prepare(request.input), signal);
      let ttft_ms = 0;
      for await (const event of this.#generate(runtime, { ...request, input }, hashes, signal)) {
        if (event.type === 'token') {
          if (ttft_ms === 0) ttft_ms = performance.now() - arrived;
          yield event;
          continue;
        }
        const { decode_ms: image_decode_ms, preprocess_ms } = pictures;
        const total_ms = performance.now() - arrived;
        const serving: ServingTimings = { queue_ms: admission.queue_ms, fetch_ms: 0, image_decode_ms, preprocess_ms, ttft_ms, total_ms };
        yield { type: 'done', result: { generated: event.result, serving, model: runtime.generator.description } };
      }
    } finally {
      admission.release();
    }
  }

  /** A suspect picture's request runs alone, and it may become suspect while it waits. */
  async #enter(client: string, hashes: readonly string[], signal: AbortSignal): Promise<Admission> {
    for (;;) {
      this.quarantine.check(hashes);
      const alone = this.quarantine.isSuspect(hashes);
      const admission = await this.queue.enter({ client, alone, signal });
      if (alone || !this.quarantine.isSuspect(hashes)) return admission;
      admission.release();
    }
  }

  async *#generate(
    runtime: OpenRuntime,
    request: GenerateRequest,
    hashes: readonly string[],
    signal: AbortSignal,
  ): AsyncGenerator<{ type: 'token'; token: number | null; text: string } | { type: 'done'; result: GenerateResult }, void, void> {
    try {
      for await (const event of runtime.generator.generate(request, signal)) {
        if (event.type === 'done') {
          if (event.result.finishReason === 'cancelled') throw EdgeVlmError.from(signal.reason);
          this.supervisor.answered();
          this.quarantine.clear(hashes);
        }
        yield event;
      }
    } catch (thrown) {
      const error = EdgeVlmError.from(thrown);
      if (hasDied(runtime, error)) {
        this.quarantine.strike(hashes);
        this.supervisor.died(runtime);
      }
      throw error;
    }
  }
}

/** Decodes and cuts the pictures of one request, and adds up what it took. */
class PreparedPictures {
  decode_ms = 0;
  preprocess_ms = 0;

  constructor(
    private readonly prepareOne: PictureIntake,
    private readonly model: ModelDescription,
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

/** The work's outcome, or the signal's reason as soon as it aborts; the work then goes on unheard. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  work.catch(() => undefined);
  signal.throwIfAborted();
  let leave: (() => void) | undefined;
  try {
    return await Promise.race([
      work,
      new Promise<never>((_, reject) => {
        leave = () => {
          reject(EdgeVlmError.from(signal.reason));
        };
        signal.addEventListener('abort', leave, { once: true });
      }),
    ]);
  } finally {
    if (leave !== undefined) signal.removeEventListener('abort', leave);
  }
}
