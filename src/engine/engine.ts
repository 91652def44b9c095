import type { DecodingOptions, DecodingStatistics } from '../core/decoding.js';
import { EdgeVlmError } from '../core/errors.js';
import type { DetailedDescription, FinishReason, SamplingOptions } from '../core/generator.js';
import type { Device } from '../core/runtime.js';
import { readGguf, type GgufFile } from '../formats/gguf/read-gguf.js';
import { BatchScheduler } from './batch-scheduler.js';
import { checkEngineOptions } from './check-engine-options.js';
import { defaultThreads } from './default-threads.js';
import { DecoderRunner, type EmbeddingRows } from './decoder-runner.js';
import type { DecoderShape } from './decoders/decoder.js';
import { createDecoder } from './decoders/registry.js';
import { DecodingCounters } from './decoding/decoding-counters.js';
import type { DecodingTarget } from './decoding/decoding-strategy.js';
import { createDecodingStrategy } from './decoding/registry.js';
import { DecodingResources, type KnownCosts } from './decoding-resources.js';
import { draftCacheBytes, DraftModel, readDraft, type DraftOptions } from './draft-model.js';
import { countParameters, describePrecision } from '../formats/gguf/describe-precision.js';
import { findGpu } from './ffi/find-gpu.js';
import { CpuBackend } from './ggml/cpu-backend.js';
import { checkKvCacheOptions, createKvCache, describeLoss, kvCacheBytes, type KvCacheOptions } from './kv-cache/registry.js';
import { createPruning, type ImagePruningOptions, type TilePruning } from './image-pruning/registry.js';
import { assertFitsMemory, fitsMemory } from './memory-budget.js';
import { layerCosts, type LayerCosts } from './layer-costs.js';
import { LayerRunner } from './layer-runner.js';
import { LayeredSequence } from './layered-sequence.js';
import type { MmapMode } from './mmap-mode.js';
import type { PromptPiece } from './prompt.js';
import { layOutPrompt, promptEndOf, wordsOf, type LaidOutImage, type LaidOutPrompt } from './prompt-layout.js';
import { ImageEmbeddingCache } from './reuse/image-embedding-cache.js';
import { PrefixCache } from './reuse/prefix-cache.js';
import { ConstrainedSampler } from './sampling/constrained-sampler.js';
import { createSampler } from './sampling/create-sampler.js';
import { resolveSampling } from './sampling/resolve-sampling.js';
import type { Sampler } from './sampling/sampler.js';
import type { TokenConstraint } from './sampling/token-constraint.js';
import { SequenceTarget, type GenerationContext } from './sequence-target.js';
import { StageClock, type ComputeTimings } from './stage-clock.js';
import { VisionEncoder } from './vision-encoder.js';
import { readVisionFamily, type VisionFamily } from './vision-family.js';
import { resolveWeights, Weights, type WeightSpec } from './weights.js';

export interface EngineOptions {
  /** Default `cpu`. Graphs run on the processor only so far: the others are looked for, and say why they cannot be used. */
  readonly device?: Device;
  /** GGUF file of the language half. */
  readonly model: string;
  /** GGUF file of the vision half. */
  readonly mmproj?: string;
  /** Default: every fast core this process may use, at most 8. */
  readonly threads?: number;
  /** How eagerly idle threads spin, 0..100. Default 50. */
  readonly poll?: number;
  /** CPUs to compute on, one thread on each where there are enough. Default: wherever the system puts the threads. */
  readonly cpus?: readonly number[];
  /**
   * Whether weights that are not repacked stay in the file and are mapped. A copy decodes faster where the system has huge pages; a
   * mapped file loads faster, is shared between processes, and can be dropped and read again when memory runs short. `auto` copies
   * what fits into memory and maps it otherwise. Default `auto`.
   */
  readonly mmap?: MmapMode;
  /** Tokens kept, over all sequences together. Default: the trained context, at most 4096. */
  readonly context?: number;
  /** Tokens computed in one go. Default 512. */
  readonly microBatch?: number;
  readonly cache?: KvCacheOptions;
  /** Makes image tokens fewer. Default: all are kept. */
  readonly imagePruning?: ImagePruningOptions;
  /** Image tokens kept for pictures that come again, bytes. Default 32 MiB; 0 keeps none. */
  readonly imageCacheBytes?: number;
  /** Sequences whose keys and values are kept for prompts that begin alike; they give way when the context fills. Default 8; 0 keeps none. */
  readonly keptSequences?: number;
  /** Where an answer does not say otherwise. Default: plain decoding, or speculative with a draft. */
  readonly decoding?: DecodingOptions;
  /** A smaller model that guesses for this one. */
  readonly draft?: DraftOptions;
  /** What guessing was measured to cost on this device; else it is measured while decoding. */
  readonly speculationCosts?: KnownCosts;
  /** Called before anything is allocated, with the bytes that weights and cache will take. */
  readonly onPlannedBytes?: (bytes: number) => void;
  /** Called with the bytes of each file read so far. */
  readonly onLoadBytes?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

export interface EngineTask {
  readonly prompt: readonly PromptPiece[];
  readonly maxTokens: number;
  readonly sampling?: SamplingOptions;
  /** Over those of the engine. */
  readonly decoding?: DecodingOptions;
  /** What the answer must obey. */
  readonly constraint?: TokenConstraint;
  /** Whether to take from earlier prompts what this one has in common with them, and to leave it for later ones. Default true. */
  readonly reuse?: boolean;
  /** Whether the model ends its answer with this token. */
  readonly isEnd: (token: number) => boolean;
}

export interface EngineResult {
  readonly finishReason: FinishReason;
  readonly promptTokens: number;
  readonly imageTokens: number;
  /** How many of the prompt's tokens were not computed, because an earlier prompt began alike. */
  readonly cachedTokens: number;
  readonly completionTokens: number;
  readonly timings: ComputeTimings;
  /** Bytes of keys and values that the prompt and its answer took at the end; the draft's not among them. */
  readonly cacheBytes: number;
  readonly decoding: DecodingStatistics;
  /** Optimisations in force that may change the answer, in words. */
  readonly lossy: readonly string[];
  /** Settings that were asked for and could not be obeyed, in words. */
  readonly warnings: readonly string[];
}

export type EngineEvent = { readonly type: 'token'; readonly token: number } | { readonly type: 'done'; readonly result: EngineResult };

const DEFAULT_CONTEXT = 4096;
const DEFAULT_MICRO_BATCH = 512;
const DEFAULT_IMAGE_CACHE_BYTES = 32 * 1024 * 1024;
const DEFAULT_KEPT_SEQUENCES = 8;
/** Stands where image tokens are in what strategies see of a prompt: no token. */
const NO_WORD = -1;

/** Image tokens of the tiles of one prompt. */
type EncodedTiles = Map<LaidOutImage, Float32Array>;

/** A loaded model: token ids and tiles in, token ids out, for several sequences at once. */
export class Engine implements Disposable {
  readonly #scheduler = new BatchScheduler();
  #nextSequence = 0;

  private constructor(
    readonly description: DetailedDescription,
    readonly shape: DecoderShape,
    /** The layer below, for measurement and tests. */
    readonly runner: DecoderRunner,
    /** Also for measurement; pictures of a prompt go through `generate`, which keeps what it has seen. */
    readonly encoder: VisionEncoder | null,
    private readonly imageCache: ImageEmbeddingCache,
    private readonly prefixCache: PrefixCache,
    private readonly decoding: DecodingResources,
    private readonly pruning: TilePruning,
    /** What changes every answer, in words. */
    private readonly lossy: readonly string[],
    /** In order of making. */
    private readonly resources: readonly Disposable[],
  ) {}

  /**
   * Loads a model.
   * @throws USAGE, DEVICE_UNAVAILABLE, FILE_NOT_FOUND, GGUF_*, MODEL_UNSUPPORTED, MODEL_INCOMPLETE, MMPROJ_MISMATCH, DRAFT_MISMATCH, OUT_OF_MEMORY, NATIVE_*, CANCELLED
   */
  static async load(options: EngineOptions): Promise<Engine> {
    const start = performance.now();
    checkEngineOptions(options);
    checkKvCacheOptions(options.cache ?? {});
    const { device = 'cpu' } = options;
    if (device !== 'cpu') {
      const { name, description } = findGpu(device);
      throw new EdgeVlmError('DEVICE_UNAVAILABLE', `${name} (${description}) is there, but this release computes on the processor only`);
    }
    const file = await readGguf(options.model);
    const decoder = createDecoder(file);
    const { shape } = decoder;
    const vision = options.mmproj === undefined ? null : await readVision(options.mmproj, options.model, shape);
    const draft = options.draft === undefined ? null : await readDraft(options.draft, file, shape.embedding);
    const cells = options.context ?? Math.min(shape.trainedContext, DEFAULT_CONTEXT);
    const geometry = { ...shape, cells };
    const cacheBytes = kvCacheBytes(geometry, options.cache ?? {}) + (draft === null ? 0 : draftCacheBytes(draft, cells));
    const halves = [
      { file, specs: decoder.weights },
      ...(vision === null ? [] : [{ file: vision.file, specs: visionWeights(vision.family) }]),
      ...(draft === null ? [] : [{ file: draft.file, specs: draft.decoder.weights }]),
    ];
    const neededBytes = cacheBytes + sum(halves.map(({ file: half, specs }) => plannedBytes(half, specs)));
    const { mmap = 'auto' } = options;
    const map = mmap === 'on' || (mmap === 'auto' && !fitsMemory(neededBytes));

    const resources: Disposable[] = [];
    const keep = <R extends Disposable>(resource: R): R => {
      resources.push(resource);
      return resource;
    };
    const loading = { map, onBytes: options.onLoadBytes, signal: options.signal };
    const load = async (from: GgufFile, specs: readonly WeightSpec[]): Promise<Weights> =>
      keep(await Weights.load(backend, from, specs, loading));
    const backend = keep(new CpuBackend({ threads: options.threads ?? defaultThreads(), poll: options.poll, cpus: options.cpus }));
    try {
      const copiedBytes = (): number => sum(halves.map(({ file: half, specs }) => Weights.copiedBytes(backend, half, specs)));
      assertFitsMemory(options.model, map ? cacheBytes + copiedBytes() : neededBytes);
      options.onPlannedBytes?.(neededBytes);
      const weights = await load(file, decoder.weights);
      const cache = createKvCache(backend, geometry, options.cache ?? {});
      keep(cache.resource);
      const { microBatch = DEFAULT_MICRO_BATCH, keptSequences = DEFAULT_KEPT_SEQUENCES } = options;
      const prefixCache = new PrefixCache(cache, cache.sharesNothing === true ? 0 : keptSequences);
      const reclaim = (): boolean => prefixCache.evict();
      const runner = keep(new DecoderRunner(backend, decoder, weights, cache, microBatch, reclaim));
      const towerWeights = vision === null ? null : await load(vision.file, visionWeights(vision.family));
      const encoder = vision === null || towerWeights === null ? null : keep(new VisionEncoder(backend, vision.family, towerWeights));
      const draftModel = draft === null ? null : await DraftModel.load(backend, draft, { cells, microBatch, keptSequences }, loading);
      const layered = (): { layerRunner: LayerRunner; prefixCache: PrefixCache; costs: LayerCosts } => ({
        layerRunner: new LayerRunner(backend, decoder, weights, cache, reclaim),
        prefixCache,
        costs: layerCosts(file, shape.layers),
      });
      const decoding = keep(new DecodingResources(shape, options.decoding ?? {}, draftModel, layered, options.speculationCosts ?? {}));
      // Refuses what does not go together before the first answer is asked for.
      decoding.layered(decoding.resolve({}));
      const pruning = createPruning(options.imagePruning, encoder?.family.projector.tokensPerTile ?? 0);
      const description: DetailedDescription = {
        name: file.metadata.string('general.name', 'unnamed'),
        architecture: file.metadata.string('general.architecture'),
        precision: describePrecision(file),
        parameters: countParameters(file) + (vision === null ? 0 : countParameters(vision.file)),
        contextLength: Math.min(cells, shape.trainedContext),
        vocabularySize: shape.vocabulary,
        vision: vision?.family.preprocessing ?? null,
        weightBytes: weights.bytes + (towerWeights?.bytes ?? 0) + (draftModel?.weightBytes ?? 0),
        cacheBytes: cache.bytes + (draftModel?.runner.cache.bytes ?? 0),
        load_ms: performance.now() - start,
        warnings: [
          ...(options.context !== undefined && options.context > shape.trainedContext
            ? [`the model was trained with ${shape.trainedContext} tokens: each answer keeps to them, not to ${options.context}`]
            : []),
          ...(mmap === 'on' && weights.mappedBytes === 0
            ? ['no weight could stay in the file: all are repacked for this processor, or the system cannot map files']
            : []),
        ],
      };
      const lossy = [describeLoss(options.cache ?? {}), pruning.lossy].filter((loss) => loss !== null);
      const imageCache = new ImageEmbeddingCache(options.imageCacheBytes ?? DEFAULT_IMAGE_CACHE_BYTES);
      return new Engine(description, shape, runner, encoder, imageCache, prefixCache, decoding, pruning, lossy, resources);
    } catch (thrown) {
      disposeAll(resources);
      throw thrown;
    }
  }

  /** Image tokens of one tile, as many as are left of them; 0 for a text model. */
  get tokensPerTile(): number {
    return this.pruning.tokensPerTile;
  }

  /**
   * Streams the answer's tokens, then one `done`. Several may run at once. Aborting ends it with `cancelled`.
   * @throws CONTEXT_FULL, USAGE, MMPROJ_MISSING, GRAMMAR_STUCK
   */
  async *generate(task: EngineTask, signal?: AbortSignal): AsyncGenerator<EngineEvent, void, void> {
    const sequence = this.#nextSequence++;
    const clock = new StageClock();
    const counts = { promptTokens: 0, imageTokens: 0, cachedTokens: 0, completionTokens: 0, cacheBytes: 0 };
    let finishReason: FinishReason = 'cancelled';
    const { draft } = this.decoding;
    const options = this.decoding.resolve(task.decoding);
    const strategy = createDecodingStrategy(options, this.shape.layers);
    const counters = new DecodingCounters();
    const sampling = resolveSampling(task.sampling);
    using sampler = createSampler(this.shape.vocabulary, sampling);
    using rejection = this.decoding.rejection(options, sampling);
    if (rejection !== null && task.constraint !== undefined) {
      throw new EdgeVlmError(
        'USAGE',
        'verification by rejection cannot be combined with a grammar: what it allows is not known in advance',
      );
    }
    const context: GenerationContext = { scheduler: this.#scheduler, clock, signal };
    const layered = this.decoding.layered(options);
    const controller = this.decoding.controller(options);
    try {
      const prompt = this.#layOut(task.prompt, task.reuse ?? true);
      counts.promptTokens = prompt.tokens.length;
      counts.imageTokens = prompt.images.length * this.tokensPerTile;
      if (prompt.reuse) counts.cachedTokens = this.prefixCache.begin(sequence, prompt);
      const encoded: EncodedTiles = new Map();
      const embeddings = await this.#embed(prompt, counts.cachedTokens, encoded, context);
      acceptPrompt(sampler, task.prompt);
      const target = new SequenceTarget({ runner: this.runner, prefixCache: this.prefixCache }, sequence, context);
      const rest = prompt.tokens.subarray(counts.cachedTokens);
      const promptLogits = await target.prefill({ tokens: rest, embeddings, promptEnd: promptEndOf(prompt, this.tokensPerTile) });
      const tokens = strategy.run({
        target,
        prompt: wordsOf(prompt, this.tokensPerTile, NO_WORD),
        promptLogits,
        sampler: timed(task.constraint === undefined ? sampler : new ConstrainedSampler(sampler, task.constraint), clock),
        maxTokens: task.maxTokens,
        isEnd: task.isEnd,
        draft: draft === null ? null : () => this.#openDraft(draft, sequence, prompt, encoded, context),
        layers: layered === null ? null : new LayeredSequence(layered, sequence, context),
        rejection,
        controller,
        counters,
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
          // A strategy may have more tokens ready than a reader who saw a stop string wants.
          if (signal?.aborted === true) break;
        }
      } finally {
        // A reader that leaves early must not leave the strategy hanging: it may hold a draft's state.
        await tokens.return('stop');
      }
    } catch (thrown) {
      if (!(thrown instanceof EdgeVlmError && thrown.code === 'CANCELLED')) throw thrown;
    } finally {
      counts.cacheBytes = this.runner.cache.usedBytes(sequence);
      this.prefixCache.end(sequence);
      draft?.prefixCache.end(sequence);
    }
    const lossy = [...this.lossy, ...(strategy.lossy === null ? [] : [strategy.lossy])];
    const decoding = counters.statistics(options.strategy, controller.costs ?? null);
    const { warnings } = strategy;
    yield { type: 'done', result: { finishReason, ...counts, timings: clock.timings(), decoding, lossy, warnings } };
  }

  /** Frees everything. @throws ENGINE_DISPOSED while a graph runs: its memory is in use */
  [Symbol.dispose](): void {
    if (this.#scheduler.busy) throw new EdgeVlmError('ENGINE_DISPOSED', 'the engine cannot be freed while it computes');
    disposeAll([...this.resources]);
  }

  /** @throws CONTEXT_FULL, MMPROJ_MISSING, USAGE for an empty prompt */
  #layOut(pieces: readonly PromptPiece[], reuse: boolean): LaidOutPrompt {
    const { contextLength } = this.description;
    return layOutPrompt(pieces, { tokensPerTile: this.encoder === null ? null : this.tokensPerTile, contextLength, reuse });
  }

  /** The pictures of a prompt after its first `cached` tokens, encoded. */
  async #embed(
    { images, reuse }: LaidOutPrompt,
    cached: number,
    encoded: EncodedTiles,
    context: GenerationContext,
  ): Promise<EmbeddingRows[]> {
    const rows: EmbeddingRows[] = [];
    for (const image of images) {
      if (cached >= image.at + this.tokensPerTile) continue;
      const values = this.#known(image, encoded) ?? (await this.#encode(image, reuse, context));
      if (this.decoding.draft?.view === 'image-tokens') encoded.set(image, values);
      rows.push(this.#rowsAfter(cached, image, values));
    }
    return rows;
  }

  /** Has the draft read the prompt; null where it cannot. Never encodes a picture: no guess is worth that. */
  async #openDraft(
    draft: DraftModel,
    sequence: number,
    prompt: LaidOutPrompt,
    encoded: EncodedTiles,
    context: GenerationContext,
  ): Promise<DecodingTarget | null> {
    const sees = draft.view === 'image-tokens';
    const read = sees ? prompt : { tokens: wordsOf(prompt, this.tokensPerTile, draft.imageToken), images: [] };
    if (read.tokens.length === 0) return null;
    const cached = prompt.reuse ? draft.prefixCache.begin(sequence, read) : 0;
    const embeddings: EmbeddingRows[] = [];
    for (const image of read.images) {
      if (cached >= image.at + this.tokensPerTile) continue;
      const values = this.#known(image, encoded);
      if (values === undefined) return null;
      embeddings.push(this.#rowsAfter(cached, image, values));
    }
    const target = new SequenceTarget(draft, sequence, context);
    try {
      await target.prefill({ tokens: read.tokens.subarray(cached), embeddings });
      return target;
    } catch (thrown) {
      if (thrown instanceof EdgeVlmError && thrown.code === 'CONTEXT_FULL') return null;
      throw thrown;
    }
  }

  #known(image: LaidOutImage, encoded: EncodedTiles): Float32Array | undefined {
    return encoded.get(image) ?? (image.hash === '' ? undefined : this.imageCache.get(image.hash));
  }

  /** A tile's image tokens, those left out that a sequence of `cached` tokens has. */
  #rowsAfter(cached: number, { at }: LaidOutImage, values: Float32Array): EmbeddingRows {
    const known = Math.max(cached - at, 0);
    return { at: at + known - cached, values: values.subarray(known * this.shape.embedding) };
  }

  /** The tower uses the decoder's threads, so a tile waits for the running batch. */
  #encode({ tile, hash }: LaidOutImage, reuse: boolean, { scheduler, clock, signal }: GenerationContext): Promise<Float32Array> {
    const { encoder, imageCache } = this;
    if (encoder === null) throw new EdgeVlmError('MMPROJ_MISSING', 'this model was loaded without its vision half');
    const encode = async (): Promise<Float32Array> => {
      // The same picture may have been encoded for another prompt while this one waited.
      const values = (reuse ? imageCache.get(hash) : undefined) ?? this.pruning.prune(await encoder.encode(tile, signal));
      if (reuse) imageCache.set(hash, values);
      return values;
    };
    return clock.measure('encode', (onStart) => scheduler.exclusive(encode, onStart, signal));
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

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
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
