import { EdgeVlmError } from '../core/errors.js';
import type { DetailedDescription, FinishReason } from '../core/generator.js';
import { BatchScheduler } from './batch-scheduler.js';
import { beginSequence } from './begin-sequence.js';
import { CellReservations } from './cell-reservations.js';
import { ContextShift } from './context-shift.js';
import type { DecoderRunner } from './decoder-runner.js';
import type { DecoderShape } from './decoders/decoder.js';
import { DecodingCounters } from './decoding/decoding-counters.js';
import { PlainDecoding } from './decoding/plain/plain-decoding.js';
import { createDecodingStrategy } from './decoding/registry.js';
import type { EngineOptions } from './engine-options.js';
import type { EngineEvent, EngineTask } from './engine-task.js';
import { LayeredSequence } from './layered-sequence.js';
import { disposeAll, loadModel, type LoadedModel } from './load-model.js';
import { openDraft } from './open-draft.js';
import type { PromptPiece } from './prompt.js';
import { layOutPrompt, promptEndOf, wordsOf, type LaidOutPrompt } from './prompt-layout.js';
import { PromptPictures } from './prompt-pictures.js';
import { ChoiceGapSampler } from './sampling/choice-gap-sampler.js';
import { ConstrainedSampler } from './sampling/constrained-sampler.js';
import { createSampler } from './sampling/create-sampler.js';
import { LogprobSampler } from './sampling/logprob-sampler.js';
import { resolveSampling } from './sampling/resolve-sampling.js';
import type { Sampler } from './sampling/sampler.js';
import { SequenceTarget, type GenerationContext } from './sequence-target.js';
import { StageClock } from './stage-clock.js';
import type { VisionEncoder } from './vision-encoder.js';

/** Stands where image tokens are in what strategies see of a prompt: no token. */
const NO_WORD = -1;

/** A loaded model: token ids and tiles in, token ids out, for several sequences at once. */
export class Engine implements Disposable {
  readonly description: DetailedDescription;
  readonly shape: DecoderShape;
  /** The layer below, for measurement and tests. */
  readonly runner: DecoderRunner;
  /** Also for measurement; pictures of a prompt go through `generate`, which keeps what it has seen. */
  readonly encoder: VisionEncoder | null;
  readonly #model: LoadedModel;
  readonly #scheduler = new BatchScheduler();
  readonly #reservations: CellReservations;
  #nextSequence = 0;

  private constructor(
    model: LoadedModel,
    /** For answers that do not say. */
    readonly contextShift: boolean,
  ) {
    this.#model = model;
    this.description = model.description;
    this.shape = model.shape;
    this.runner = model.runner;
    this.encoder = model.encoder;
    this.#reservations = new CellReservations(model.cells);
  }

  /** @throws as {@link loadModel} */
  static async load(options: EngineOptions): Promise<Engine> {
    return new Engine(await loadModel(options), options.contextShift ?? false);
  }

  /** Image tokens of one tile, as many as are left of them; 0 for a text model. */
  get tokensPerTile(): number {
    return this.#model.pruning.tokensPerTile;
  }

  /**
   * Streams the answer's tokens, then one `done`. Several may run at once. Aborting ends it with `cancelled`.
   * @throws CONTEXT_FULL, USAGE, MMPROJ_MISSING, GRAMMAR_STUCK
   */
  async *generate(task: EngineTask, signal?: AbortSignal): AsyncGenerator<EngineEvent, void, void> {
    const sequence = this.#nextSequence++;
    const clock = new StageClock();
    const counts = {
      promptTokens: 0,
      imageTokens: 0,
      cachedTokens: 0,
      cachedTiles: 0,
      completionTokens: 0,
      cacheBytes: 0,
      totalCacheBytes: 0,
    };
    let finishReason: FinishReason = 'cancelled';
    const { decoding: resources, prefixCache, runner } = this.#model;
    const { draft } = resources;
    const { tokensPerTile } = this;
    const { contextLength } = this.description;
    let shift: ContextShift | null = null;
    const options = resources.resolve(task.decoding);
    const strategy = task.strategy ?? createDecodingStrategy(options, this.shape.layers);
    const counters = new DecodingCounters();
    const sampling = resolveSampling(task.sampling);
    using sampler = createSampler(this.shape.vocabulary, sampling);
    const gaps = task.choiceGaps === true ? new ChoiceGapSampler(sampler, sampling) : null;
    using rejection = resources.rejection(options, sampling);
    if (rejection !== null && task.constraint !== undefined) {
      throw new EdgeVlmError(
        'USAGE',
        'verification by rejection cannot be combined with a grammar: what it allows is not known in advance',
      );
    }
    const context: GenerationContext = { scheduler: this.#scheduler, clock, signal };
    const layered = resources.layered(options);
    const controller = resources.controller(options);
    try {
      const prompt = this.#layOut(task.prompt, task.reuse ?? true);
      counts.promptTokens = prompt.tokens.length;
      counts.imageTokens = prompt.images.length * tokensPerTile;
      const pictures = new PromptPictures(this.#model);
      pictures.hold(prompt);
      // The last token is only returned, never fed back.
      this.#reservations.reserve(sequence, Math.min(prompt.tokens.length + task.maxTokens - 1, contextLength));
      if (prompt.reuse) counts.cachedTokens = await beginSequence({ runner, prefixCache }, sequence, prompt, context);
      const embeddings = await pictures.embed(prompt, counts.cachedTokens, context);
      counts.cachedTiles = prompt.images.length - pictures.encodedTiles;
      acceptPrompt(sampler, task.prompt);
      if (task.contextShift ?? this.contextShift) {
        const ahead = strategy instanceof PlainDecoding ? 1 : options.draftTokens + 2;
        const sizes = { contextLength, ahead, tokensPerTile };
        shift = new ContextShift({ runner, prefixCache }, sequence, prompt, pictures, context, sizes);
      }
      const room = shift === null ? contextLength - prompt.tokens.length + 1 : Infinity;
      const target = new SequenceTarget({ runner, prefixCache }, sequence, context);
      const rest = prompt.tokens.subarray(counts.cachedTokens);
      const promptLogits = await target.prefill({ tokens: rest, embeddings, promptEnd: promptEndOf(prompt, tokensPerTile) });
      this.#scheduler.openStream(sequence);
      const constrained = task.constraint === undefined ? (gaps ?? sampler) : new ConstrainedSampler(sampler, task.constraint);
      const logprobs = task.logprobs === undefined ? null : new LogprobSampler(constrained, task.logprobs);
      const tokens = strategy.run({
        target,
        prompt: wordsOf(prompt, tokensPerTile, NO_WORD),
        promptLogits,
        sampler: timed(logprobs ?? constrained, clock),
        maxTokens: Math.min(task.maxTokens, room),
        isEnd: task.isEnd,
        draft: draft === null ? null : () => openDraft(draft, sequence, prompt, pictures, tokensPerTile, context),
        layers: layered === null ? null : new LayeredSequence(layered, sequence, context),
        rejection,
        controller,
        graphsBuilt: () => runner.graphsBuilt + (draft?.runner.graphsBuilt ?? 0) + (layered?.layerRunner.graphsBuilt ?? 0),
        counters,
      });
      try {
        for (;;) {
          const next = await tokens.next();
          if (next.done === true) {
            finishReason = next.value;
            if (finishReason === 'length' && room < task.maxTokens) {
              throw new EdgeVlmError('CONTEXT_FULL', `the prompt and its answer fill the context of ${contextLength} tokens`);
            }
            break;
          }
          clock.markFirstToken();
          counts.completionTokens++;
          const chances = logprobs?.next();
          yield { type: 'token', token: next.value, ...(chances && { chances }) };
          // A strategy may have more tokens ready than a reader who saw a stop string wants.
          if (signal?.aborted === true) break;
          if (counts.completionTokens < task.maxTokens) await shift?.told(next.value);
        }
      } finally {
        // A reader that leaves early must not leave the strategy hanging: it may hold a draft's state.
        await tokens.return('stop');
      }
    } catch (thrown) {
      if (!(thrown instanceof EdgeVlmError && thrown.code === 'CANCELLED')) throw thrown;
    } finally {
      this.#scheduler.closeStream(sequence);
      this.#reservations.release(sequence);
      counts.cacheBytes = runner.cache.usedBytes(sequence);
      prefixCache.end(sequence);
      draft?.prefixCache.end(sequence);
      counts.totalCacheBytes = runner.cache.usedBytes() + prefixCache.evictedBytes;
    }
    const lossy = [...this.#model.lossy, ...[strategy.lossy, shift?.lossy ?? null].filter((loss) => loss !== null)];
    // Before what was learned is gathered, which is no part of the answer.
    const timings = clock.timings();
    const decoding = counters.statistics(options.strategy, controller.costs ?? null);
    const { warnings } = strategy;
    const told = { lossy, warnings, ...(gaps !== null && { choiceGaps: gaps.gaps }) };
    yield { type: 'done', result: { finishReason, ...counts, timings, decoding, ...told } };
  }

  /** Frees everything. @throws ENGINE_DISPOSED while a graph runs: its memory is in use */
  [Symbol.dispose](): void {
    if (this.#scheduler.busy) throw new EdgeVlmError('ENGINE_DISPOSED', 'the engine cannot be freed while it computes');
    disposeAll(this.#model.resources);
  }

  /** @throws CONTEXT_FULL, MMPROJ_MISSING, USAGE for an empty prompt */
  #layOut(pieces: readonly PromptPiece[], reuse: boolean): LaidOutPrompt {
    const { contextLength } = this.description;
    return layOutPrompt(pieces, { tokensPerTile: this.encoder === null ? null : this.tokensPerTile, contextLength, reuse });
  }
}

function acceptPrompt(sampler: Sampler, prompt: readonly PromptPiece[]): void {
  for (const piece of prompt) {
    if (piece.type === 'tokens') for (const token of piece.tokens) sampler.accept(token);
  }
}

function timed(sampler: Sampler, clock: StageClock): Sampler {
  return {
    sample: (logits) => clock.measureSync('sample', () => sampler.sample(logits)),
    // Without it guesses would be matched where they are to be verified by rejection.
    ...(sampler.probabilities && {
      probabilities: (logits: Float32Array) => clock.measureSync('sample', () => sampler.probabilities?.(logits) ?? new Float32Array()),
    }),
    accept: (token) => {
      sampler.accept(token);
    },
    [Symbol.dispose]: () => {
      sampler[Symbol.dispose]();
    },
  };
}
