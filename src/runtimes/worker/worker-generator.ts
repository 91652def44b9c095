import { EdgeVlmError } from '../../core/errors.js';
import type {
  FinishReason,
  GenerateEvent,
  GenerateRequest,
  Generator,
  ModelDescription,
  PicturePart,
  StageTimings,
  TextPart,
  TokenEvent,
} from '../../core/generator.js';
import type { ScoredAnswer, ScoreRequest } from '../../core/runtime.js';
import { eventStream } from '../../host/event-stream.js';
import { ArrivalClock } from '../arrival-clock.js';
import { TextStream } from '../prompt/text-stream.js';

/** A request as a worker takes it: pictures are files, and stop strings are looked for on this side. */
export type WorkerRequest = Pick<GenerateRequest<TextPart | PicturePart>, 'input' | 'maxTokens' | 'sampling'>;

/** A token that a worker has chosen, with the text that it adds; end tokens are not told. */
export interface WorkerToken {
  /** null where the model's own code tells text only. */
  readonly token: number | null;
  readonly text: string;
  /** When it was chosen, as `performance.now()` counts here; absent: when it is told. */
  readonly at_ms?: number;
}

/** What a worker says of a generation when it ends; times by its own clock. */
export interface WorkerAnswer {
  readonly finishReason: FinishReason;
  readonly promptTokens: number | null;
  readonly imageTokens: number | null;
  /** Default: as many as were told. */
  readonly completionTokens?: number;
  readonly stages: Omit<StageTimings, 'ttft_ms' | 'total_ms'>;
  readonly warnings: readonly string[];
}

/** A model in a process of its own. */
export interface ModelWorker {
  generate(request: WorkerRequest, signal: AbortSignal, onToken: (token: WorkerToken) => void): Promise<WorkerAnswer>;
  /** Leads the model along an answer; as `OpenRuntime.score`. */
  score(request: WorkerRequest, tokens: readonly number[], signal: AbortSignal): Promise<ScoredAnswer>;
  close(): Promise<void>;
}

/** Of a request that nobody wanted any more when it came. */
const NOT_BEGUN: WorkerAnswer = {
  ...{ finishReason: 'cancelled', promptTokens: 0, imageTokens: 0, warnings: [] },
  stages: { queue_ms: 0, tokenise_ms: 0, prepare_ms: 0, encode_ms: 0, prefill_ms: 0, decode_ms: 0, sample_ms: 0 },
};

/** Makes a generator of a worker: stop strings, white space, and when each token arrived. */
export class WorkerGenerator implements Generator {
  constructor(
    readonly description: ModelDescription,
    private readonly worker: ModelWorker,
  ) {}

  /** @throws USAGE for what these runtimes cannot do; what the worker throws */
  async *generate(request: GenerateRequest, signal?: AbortSignal): AsyncGenerator<GenerateEvent, void, void> {
    const clock = new ArrivalClock();
    const task = workerRequest(request);
    const stream = new TextStream(request.stop, 'messages' in request.input);
    const stop = new AbortController();
    let text = '';
    const work = async (onEvent: (event: TokenEvent) => void, aborted: AbortSignal): Promise<WorkerAnswer> => {
      if (aborted.aborted) return NOT_BEGUN;
      return this.worker.generate(task, aborted, ({ token, text: raw, at_ms }) => {
        if (stop.signal.aborted) return;
        const piece = stream.push(Buffer.from(raw));
        text += piece;
        clock.mark(piece, at_ms);
        onEvent({ type: 'token', token, text: piece });
        if (stream.stopped) stop.abort();
      });
    };
    const events = eventStream(work, signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]));
    for (;;) {
      const next = await events.next();
      if (next.done !== true) {
        yield next.value;
        continue;
      }
      const { finishReason, stages, ...answer } = next.value;
      text += stream.end();
      yield {
        type: 'done',
        result: {
          ...answer,
          text,
          finishReason: stream.stopped ? 'stop' : finishReason,
          cachedTokens: 0,
          completionTokens: answer.completionTokens ?? clock.count,
          timings: { ...stages, ...clock.timings() },
          tokenTimes_ms: clock.tokenTimes_ms,
        },
      };
      return;
    }
  }

  /** As `OpenRuntime.score`. */
  score({ input, tokens }: ScoreRequest, signal: AbortSignal = new AbortController().signal): Promise<ScoredAnswer> {
    return this.worker.score(workerRequest({ input, maxTokens: tokens.length + 1 }), tokens, signal);
  }

  async close(): Promise<void> {
    await this.worker.close();
  }
}

function workerRequest({ input, maxTokens, sampling, grammar, logprobs }: GenerateRequest): WorkerRequest {
  if (!Number.isInteger(maxTokens) || maxTokens < 1)
    throw new EdgeVlmError('USAGE', `the number of new tokens is ${maxTokens}; expected a whole number from 1`);
  if (grammar !== undefined) throw new EdgeVlmError('USAGE', 'this runtime cannot keep to a grammar; the engine can');
  if (logprobs !== undefined) throw new EdgeVlmError('USAGE', 'this runtime does not tell how likely tokens were; the engine does');
  const task = { maxTokens, ...(sampling && { sampling }) };
  if ('prompt' in input) return { ...task, input };
  const messages = input.messages.map(({ role, content }) => ({
    role,
    content: content.map((part) => {
      if (part.type === 'text' || part.type === 'picture') return part;
      throw new EdgeVlmError('USAGE', 'this runtime takes pictures as files, not cut for the engine');
    }),
  }));
  return { ...task, input: { messages } };
}
