import { EdgeVlmError } from '../../core/errors.js';
import type { ModelDescription } from '../../core/generator.js';
import type { ScoredAnswer } from '../../core/runtime.js';
import { defaultThreads } from '../../engine/default-threads.js';
import { LibllamaModel } from '../../engine/libllama/libllama-model.js';
import { createSampler } from '../../engine/sampling/create-sampler.js';
import { resolveSampling } from '../../engine/sampling/resolve-sampling.js';
import { countParameters, describePrecision } from '../../formats/gguf/describe-precision.js';
import { readGguf } from '../../formats/gguf/read-gguf.js';
import { buildPrompt, type PromptContext } from '../prompt/build-prompt.js';
import { loadPromptContext } from '../prompt/load-prompt-context.js';
import type { PreparedMessage } from '../prompt/prepared-request.js';
import type { WorkerAnswer, WorkerRequest, WorkerToken } from '../worker/worker-generator.js';

export interface LlamaCppLoadRequest {
  readonly model: string;
  readonly threads: number | null;
  /** Tokens. */
  readonly context: number | null;
}

const DEFAULT_CONTEXT = 4096;
/** Tokens of a prompt between two looks at whether it is still wanted: libllama's own physical batch. */
const BATCH = 512;

/** libllama with its tokeniser and samplers, and the model's chat template: text in, text out, one answer at a time. */
export class LlamaCppModel implements Disposable {
  #last: Promise<unknown> = Promise.resolve();

  private constructor(
    readonly description: ModelDescription & { readonly contextLength: number },
    private readonly libllama: LibllamaModel,
    private readonly context: PromptContext,
  ) {}

  /** @throws as `readGguf`, `LibllamaModel` and `loadPromptContext` */
  static async load({ model, threads, context }: LlamaCppLoadRequest): Promise<LlamaCppModel> {
    const start = performance.now();
    // The whole file is checked before libllama sees it.
    const file = await readGguf(model);
    const architecture = file.metadata.string('general.architecture');
    const trained = file.metadata.count(`${architecture}.context_length`, DEFAULT_CONTEXT);
    const contextLength = Math.min(context ?? DEFAULT_CONTEXT, trained);
    const libllama = new LibllamaModel({ model, threads: threads ?? defaultThreads(), context: contextLength });
    try {
      const prompting = loadPromptContext(file, { vision: null, contextLength, vocabularySize: libllama.vocabulary });
      const description = {
        name: file.metadata.string('general.name', 'unnamed'),
        architecture,
        precision: describePrecision(file),
        parameters: countParameters(file),
        contextLength,
        vocabularySize: libllama.vocabulary,
        vision: null,
        weightBytes: file.tensors.reduce((sum, { bytes }) => sum + bytes, 0),
        cacheBytes: null,
        load_ms: performance.now() - start,
        warnings:
          context !== null && context > trained
            ? [`the model was trained with ${trained} tokens: answers keep to them, not to ${context}`]
            : [],
      };
      return new LlamaCppModel(description, libllama, prompting);
    } catch (thrown) {
      libllama[Symbol.dispose]();
      throw thrown;
    }
  }

  /** Streams tokens and returns what there is to say of them. @throws USAGE, CONTEXT_FULL, TEMPLATE_FAILED, TOKENIZER_FAILED, NATIVE_FAILED */
  async *generate(request: WorkerRequest, signal: AbortSignal): AsyncGenerator<WorkerToken, WorkerAnswer, undefined> {
    const asked = performance.now();
    const free = await this.#turn();
    try {
      return yield* this.#answer(request, performance.now() - asked, signal);
    } finally {
      free();
    }
  }

  /** Leads the model along an answer. @throws as `generate`; CANCELLED */
  async score(request: WorkerRequest, answer: readonly number[], signal: AbortSignal): Promise<ScoredAnswer> {
    const free = await this.#turn();
    try {
      const { libllama } = this;
      const { tokens: prompt } = this.#tokenise(request.input);
      this.#clamp(answer.length, prompt.length, []);
      libllama.truncate(0);
      for (let from = 0; from < prompt.length; from += BATCH) await libllama.append(prompt.subarray(from, from + BATCH));
      const logits = [libllama.logits()];
      for (const token of answer.slice(0, this.description.contextLength - prompt.length)) {
        if (signal.aborted) throw new EdgeVlmError('CANCELLED', 'stopped while scoring');
        await libllama.append(Int32Array.of(token));
        logits.push(libllama.logits());
      }
      return { promptTokens: prompt.length, logits };
    } finally {
      free();
    }
  }

  [Symbol.dispose](): void {
    this.libllama[Symbol.dispose]();
    this.context.vocabulary[Symbol.dispose]();
  }

  /** Waits until nobody else computes. @returns what lets the next one begin */
  async #turn(): Promise<() => void> {
    const before = this.#last;
    let free = (): void => undefined;
    this.#last = new Promise<void>((resolve) => (free = resolve));
    await before;
    return free;
  }

  async *#answer(request: WorkerRequest, queue_ms: number, signal: AbortSignal): AsyncGenerator<WorkerToken, WorkerAnswer, undefined> {
    const { libllama, context } = this;
    const { vocabulary } = context;
    const start = performance.now();
    const { tokens: prompt, warnings } = this.#tokenise(request.input);
    const tokenise_ms = performance.now() - start;
    const maxTokens = this.#clamp(request.maxTokens, prompt.length, warnings);
    using sampler = createSampler(libllama.vocabulary, resolveSampling(request.sampling));
    for (const token of prompt) sampler.accept(token);

    const stages = { queue_ms, tokenise_ms, prepare_ms: 0, encode_ms: 0, prefill_ms: 0, decode_ms: 0, sample_ms: 0 };
    const answer = { promptTokens: prompt.length, imageTokens: 0, stages, warnings };
    const timed = async (stage: 'prefill_ms' | 'decode_ms', tokens: Int32Array): Promise<void> => {
      const began = performance.now();
      await libllama.append(tokens);
      stages[stage] += performance.now() - began;
    };
    const sample = (): number => {
      const began = performance.now();
      const token = sampler.sample(libllama.logits());
      sampler.accept(token);
      stages.sample_ms += performance.now() - began;
      return token;
    };

    libllama.truncate(0);
    for (let from = 0; from < prompt.length; from += BATCH) {
      if (signal.aborted) return { ...answer, finishReason: 'cancelled' };
      await timed('prefill_ms', prompt.subarray(from, from + BATCH));
    }
    const text = new TextDecoder();
    for (let count = 1; ; count++) {
      if (signal.aborted) return { ...answer, finishReason: 'cancelled' };
      const token = sample();
      if (vocabulary.isEnd(token)) return { ...answer, finishReason: 'stop' };
      yield { token, text: text.decode(vocabulary.piece(token), { stream: true }) };
      if (count === maxTokens) return { ...answer, finishReason: 'length' };
      await timed('decode_ms', Int32Array.of(token));
    }
  }

  #tokenise(input: WorkerRequest['input']): { tokens: Int32Array; warnings: string[] } {
    const { pieces, warnings } = buildPrompt('prompt' in input ? input : { messages: input.messages.map(textOnly) }, this.context);
    const tokens = Int32Array.from(pieces.flatMap((piece) => (piece.type === 'tokens' ? [...piece.tokens] : [])));
    if (tokens.length === 0) throw new EdgeVlmError('USAGE', 'the prompt is empty');
    return { tokens, warnings };
  }

  /** As many tokens as were asked for, or as the context has room for after the prompt. */
  #clamp(asked: number, prompt: number, warnings: string[]): number {
    const { contextLength } = this.description;
    // The last token is only returned, never fed back, so it needs no room.
    const room = contextLength - prompt + 1;
    if (room < 1) throw new EdgeVlmError('CONTEXT_FULL', `the prompt has ${prompt} tokens, the context ${contextLength}`);
    if (asked > room) warnings.push(`only ${room} of ${asked} new tokens fit into the context`);
    return Math.min(asked, room);
  }
}

function textOnly({ role, content }: Extract<WorkerRequest['input'], { messages: unknown }>['messages'][number]): PreparedMessage {
  return {
    role,
    content: content.map((part) => {
      if (part.type === 'text') return part;
      throw new EdgeVlmError('MODEL_UNSUPPORTED', 'this runtime reads no pictures: libllama alone cannot', {
        hint: 'Use the runtime engine or llama-server for pictures.',
      });
    }),
  };
}
