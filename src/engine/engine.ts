import os from 'node:os';

import { EdgeVlmError } from '../core/errors.js';
import type { FinishReason, ModelDescription, SamplingOptions, StageTimings } from '../core/generator.js';
import type { ImageTile } from '../core/image.js';
import { readGguf, type GgufFile } from '../formats/gguf/read-gguf.js';
import { BatchScheduler } from './batch-scheduler.js';
import { checkEngineOptions } from './check-engine-options.js';
import { DecoderRunner, type BatchEntry, type EmbeddingRows } from './decoder-runner.js';
import type { DecoderShape } from './decoders/decoder.js';
import { createDecoder } from './decoders/registry.js';
import { createDecodingStrategy, type DecodingStrategyName } from './decoding/registry.js';
import { countParameters, describePrecision } from '../formats/gguf/describe-precision.js';
import { CpuBackend } from './ggml/cpu-backend.js';
import { createKvCache, kvCacheBytes, type KvCacheOptions } from './kv-cache/registry.js';
import { assertFitsMemory } from './memory-budget.js';
import type { PromptPiece } from './prompt.js';
import { createSampler } from './sampling/create-sampler.js';
import { resolveSampling } from './sampling/resolve-sampling.js';
import type { Sampler } from './sampling/sampler.js';
import { StageClock } from './stage-clock.js';
import { VisionEncoder } from './vision-encoder.js';
import { readVisionFamily, type VisionFamily } from './vision-family.js';
import { resolveWeights, Weights, type WeightSpec } from './weights.js';

export interface EngineOptions {
  /** GGUF file of the language half. */
  readonly model: string;
  /** GGUF file of the vision half. */
  readonly mmproj?: string;
  /** Default: every core this process may use, at most 8. */
  readonly threads?: number;
  /** How eagerly idle threads spin, 0..100. Default 50. */
  readonly poll?: number;
  /** Tokens kept, over all sequences together. Default: the trained context, at most 4096. */
  readonly context?: number;
  /** Tokens computed in one go. Default 512. */
  readonly microBatch?: number;
  readonly cache?: KvCacheOptions;
  /** Called with the bytes of each file read so far. */
  readonly onLoadBytes?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

export interface EngineTask {
  readonly prompt: readonly PromptPiece[];
  readonly maxTokens: number;
  readonly sampling?: SamplingOptions;
  /** Default `plain`. */
  readonly strategy?: DecodingStrategyName;
  /** Whether the model ends its answer with this token. */
  readonly isEnd: (token: number) => boolean;
}

export interface EngineResult {
  readonly finishReason: FinishReason;
  readonly promptTokens: number;
  readonly imageTokens: number;
  readonly completionTokens: number;
  readonly timings: Omit<StageTimings, 'tokenise_ms'>;
}

export type EngineEvent = { readonly type: 'token'; readonly token: number } | { readonly type: 'done'; readonly result: EngineResult };

const DEFAULT_CONTEXT = 4096;
const DEFAULT_MICRO_BATCH = 512;
const MAX_DEFAULT_THREADS = 8;
/** Stands where an image token's embedding goes; its own embedding is overwritten. */
const PLACEHOLDER_TOKEN = 0;

/** A loaded model: token ids and tiles in, token ids out, for several sequences at once. */
export class Engine implements Disposable {
  readonly #scheduler: BatchScheduler;
  #nextSequence = 0;

  private constructor(
    readonly description: ModelDescription,
    readonly shape: DecoderShape,
    /** The layer below, for measurement and tests. */
    readonly runner: DecoderRunner,
    private readonly encoder: VisionEncoder | null,
    /** In order of making. */
    private readonly resources: readonly Disposable[],
  ) {
    this.#scheduler = new BatchScheduler(runner);
  }

  /**
   * Loads a model.
   * @throws USAGE, FILE_NOT_FOUND, GGUF_*, MODEL_UNSUPPORTED, MODEL_INCOMPLETE, MMPROJ_MISMATCH, OUT_OF_MEMORY, NATIVE_*, CANCELLED
   */
  static async load(options: EngineOptions): Promise<Engine> {
    const start = performance.now();
    checkEngineOptions(options);
    const file = await readGguf(options.model);
    const decoder = createDecoder(file);
    const { shape } = decoder;
    const vision = options.mmproj === undefined ? null : await readVision(options.mmproj, options.model, shape);
    const cells = options.context ?? Math.min(shape.trainedContext, DEFAULT_CONTEXT);
    const geometry = { ...shape, cells };
    const weightBytes =
      plannedBytes(file, decoder.weights) + (vision === null ? 0 : plannedBytes(vision.file, visionWeights(vision.family)));
    assertFitsMemory(options.model, weightBytes + kvCacheBytes(geometry, options.cache ?? {}));

    const resources: Disposable[] = [];
    const keep = <R extends Disposable>(resource: R): R => {
      resources.push(resource);
      return resource;
    };
    const load = async (from: GgufFile, specs: readonly WeightSpec[]): Promise<Weights> =>
      keep(await Weights.load(backend, from, specs, { onBytes: options.onLoadBytes, signal: options.signal }));
    const backend = keep(new CpuBackend({ threads: options.threads ?? defaultThreads(), poll: options.poll }));
    try {
      const weights = await load(file, decoder.weights);
      const cache = createKvCache(backend, geometry, options.cache ?? {});
      keep(cache.resource);
      const runner = keep(new DecoderRunner(backend, decoder, weights, cache, options.microBatch ?? DEFAULT_MICRO_BATCH));
      const towerWeights = vision === null ? null : await load(vision.file, visionWeights(vision.family));
      const encoder = vision === null || towerWeights === null ? null : keep(new VisionEncoder(backend, vision.family, towerWeights));
      const description: ModelDescription = {
        name: file.metadata.string('general.name', 'unnamed'),
        architecture: file.metadata.string('general.architecture'),
        precision: describePrecision(file),
        parameters: countParameters(file) + (vision === null ? 0 : countParameters(vision.file)),
        contextLength: Math.min(cells, shape.trainedContext),
        vocabularySize: shape.vocabulary,
        vision: vision?.family.preprocessing ?? null,
        weightBytes: weights.bytes + (towerWeights?.bytes ?? 0),
        cacheBytes: cache.bytes,
        load_ms: performance.now() - start,
        warnings:
          options.context !== undefined && options.context > shape.trainedContext
            ? [`the model was trained with ${shape.trainedContext} tokens: each answer keeps to them, not to ${options.context}`]
            : [],
      };
      return new Engine(description, shape, runner, encoder, resources);
    } catch (thrown) {
      disposeAll(resources);
      throw thrown;
    }
  }

  /** Image tokens that one tile becomes; 0 for a text model. */
  get tokensPerTile(): number {
    return this.encoder?.family.projector.tokensPerTile ?? 0;
  }

  /**
   * Streams the answer's tokens, then one `done`. Several may run at once. Aborting ends it with `cancelled`.
   * @throws CONTEXT_FULL, USAGE, MMPROJ_MISSING
   */
  async *generate(task: EngineTask, signal?: AbortSignal): AsyncGenerator<EngineEvent, void, void> {
    const sequence = this.#nextSequence++;
    const clock = new StageClock();
    const counts = { promptTokens: 0, imageTokens: 0, completionTokens: 0 };
    let finishReason: FinishReason = 'cancelled';
    using sampler = createSampler(this.shape.vocabulary, resolveSampling(task.sampling));
    try {
      const entry = await this.#preparePrompt(sequence, task.prompt, clock, signal);
      counts.promptTokens = entry.tokens.length;
      counts.imageTokens = task.prompt.filter(({ type }) => type === 'tile').length * this.tokensPerTile;
      acceptPrompt(sampler, task.prompt);
      const promptLogits = await clock.measure('prefill', (onStart) => this.#scheduler.append(entry, onStart, signal));
      const tokens = createDecodingStrategy(task.strategy ?? 'plain').run({
        target: {
          length: () => this.runner.cache.length(sequence),
          decode: (appended, logits) =>
            clock.measure('decode', (onStart) => this.#scheduler.append({ sequence, tokens: appended, logits }, onStart, signal)),
          truncate: (length) => {
            this.runner.truncate(sequence, length);
          },
        },
        promptLogits,
        sampler: timed(sampler, clock),
        maxTokens: task.maxTokens,
        isEnd: task.isEnd,
      });
      try {
        for (;;) {
          const next = await tokens.next();
          if (next.done === true) {
            finishReason = next.value;
            break;
          }
          clock.markFirstToken();
          counts.completionTokens++;
          yield { type: 'token', token: next.value };
        }
      } finally {
        // A reader that leaves early must not leave the strategy hanging: it may hold a draft's state.
        await tokens.return('stop');
      }
    } catch (thrown) {
      if (!(thrown instanceof EdgeVlmError && thrown.code === 'CANCELLED')) throw thrown;
    } finally {
      this.runner.truncate(sequence, 0);
    }
    yield { type: 'done', result: { finishReason, ...counts, timings: clock.timings() } };
  }

  /** Frees everything. @throws ENGINE_DISPOSED while a graph runs: its memory is in use */
  [Symbol.dispose](): void {
    if (this.#scheduler.busy) throw new EdgeVlmError('ENGINE_DISPOSED', 'the engine cannot be freed while it computes');
    disposeAll([...this.resources]);
  }

  async #preparePrompt(sequence: number, prompt: readonly PromptPiece[], clock: StageClock, signal?: AbortSignal): Promise<BatchEntry> {
    const perTile = this.tokensPerTile;
    const length = prompt.reduce((sum, piece) => sum + (piece.type === 'tokens' ? piece.tokens.length : perTile), 0);
    if (length === 0) throw new EdgeVlmError('USAGE', 'the prompt is empty');
    if (length > this.description.contextLength) {
      throw new EdgeVlmError('CONTEXT_FULL', `the prompt has ${length} tokens, the context ${this.description.contextLength}`);
    }
    const tokens = new Int32Array(length);
    const embeddings: EmbeddingRows[] = [];
    let at = 0;
    for (const piece of prompt) {
      if (piece.type === 'tokens') {
        tokens.set(piece.tokens, at);
        at += piece.tokens.length;
      } else {
        tokens.fill(PLACEHOLDER_TOKEN, at, at + perTile);
        embeddings.push({ at, values: await clock.measure('encode', (onStart) => this.#encode(piece.tile, onStart, signal)) });
        at += perTile;
      }
    }
    return { sequence, tokens, embeddings, logits: 'last' };
  }

  /** The tower uses the decoder's threads, so a tile waits for the running batch. */
  #encode(tile: ImageTile, onStart: () => void, signal?: AbortSignal): Promise<Float32Array> {
    const { encoder } = this;
    if (encoder === null) throw new EdgeVlmError('MMPROJ_MISSING', 'this model was loaded without its vision half');
    return this.#scheduler.exclusive(() => encoder.encode(tile, signal), onStart, signal);
  }
}

async function readVision(path: string, model: string, shape: DecoderShape): Promise<{ file: GgufFile; family: VisionFamily }> {
  const file = await readGguf(path);
  const family = readVisionFamily(file);
  if (family.projector.embedding !== shape.embedding) {
    throw new EdgeVlmError(
      'MMPROJ_MISMATCH',
      `${path} makes image tokens of ${family.projector.embedding} values, ${model} takes ${shape.embedding}`,
    );
  }
  return { file, family };
}

function visionWeights({ tower, projector }: VisionFamily): WeightSpec[] {
  return [...tower.weights, ...projector.weights];
}

function plannedBytes(file: GgufFile, specs: readonly WeightSpec[]): number {
  return resolveWeights(file, specs).reduce((sum, { info }) => sum + info.bytes, 0);
}

function defaultThreads(): number {
  return Math.min(os.availableParallelism(), MAX_DEFAULT_THREADS);
}

/** Newest first: whatever stands on something is freed before it. */
function disposeAll(resources: readonly Disposable[]): void {
  for (const resource of resources.toReversed()) resource[Symbol.dispose]();
}

function acceptPrompt(sampler: Sampler, prompt: readonly PromptPiece[]): void {
  for (const piece of prompt) {
    if (piece.type === 'tokens') for (const token of piece.tokens) sampler.accept(token);
  }
}

function timed(sampler: Sampler, clock: StageClock): Sampler {
  return {
    sample: (logits) => clock.measureSync('sample', () => sampler.sample(logits)),
    accept: (token) => {
      sampler.accept(token);
    },
    [Symbol.dispose]: () => {
      sampler[Symbol.dispose]();
    },
  };
}
