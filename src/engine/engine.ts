import { createHash } from 'node:crypto';

import { EdgeVlmError } from '../core/errors.js';
import type { FinishReason, ModelDescription, SamplingOptions, StageTimings } from '../core/generator.js';
import type { ImageTile } from '../core/image.js';
import { readGguf, type GgufFile } from '../formats/gguf/read-gguf.js';
import { BatchScheduler } from './batch-scheduler.js';
import { checkEngineOptions } from './check-engine-options.js';
import { defaultThreads } from './default-threads.js';
import type { Device } from './device.js';
import { DecoderRunner, type BatchEntry, type EmbeddingRows } from './decoder-runner.js';
import type { DecoderShape } from './decoders/decoder.js';
import { createDecoder } from './decoders/registry.js';
import { createDecodingStrategy, type DecodingStrategyName } from './decoding/registry.js';
import { countParameters, describePrecision } from '../formats/gguf/describe-precision.js';
import { findGpu } from './ffi/find-gpu.js';
import { CpuBackend } from './ggml/cpu-backend.js';
import { createKvCache, kvCacheBytes, type KvCacheOptions } from './kv-cache/registry.js';
import { assertFitsMemory, fitsMemory } from './memory-budget.js';
import type { MmapMode } from './mmap-mode.js';
import type { PromptPiece } from './prompt.js';
import { ImageEmbeddingCache } from './reuse/image-embedding-cache.js';
import type { PastImage } from './reuse/past.js';
import { PrefixCache } from './reuse/prefix-cache.js';
import { ConstrainedSampler } from './sampling/constrained-sampler.js';
import { createSampler } from './sampling/create-sampler.js';
import { resolveSampling } from './sampling/resolve-sampling.js';
import type { Sampler } from './sampling/sampler.js';
import type { TokenConstraint } from './sampling/token-constraint.js';
import { StageClock } from './stage-clock.js';
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
  /** Image tokens kept for pictures that come again, bytes. Default 32 MiB; 0 keeps none. */
  readonly imageCacheBytes?: number;
  /** Sequences whose keys and values are kept for prompts that begin alike; they give way when the context fills. Default 8; 0 keeps none. */
  readonly keptSequences?: number;
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
  /** Default `plain`. */
  readonly strategy?: DecodingStrategyName;
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
  readonly timings: Omit<StageTimings, 'tokenise_ms'>;
}

export type EngineEvent = { readonly type: 'token'; readonly token: number } | { readonly type: 'done'; readonly result: EngineResult };

interface LaidOutImage extends PastImage {
  readonly tile: ImageTile;
}

/** A prompt as one row of tokens, with pictures over some of them. */
interface LaidOutPrompt {
  readonly tokens: Int32Array;
  readonly images: readonly LaidOutImage[];
  /** As in `EngineTask`; without it pictures have no hash. */
  readonly reuse: boolean;
}

const DEFAULT_CONTEXT = 4096;
const DEFAULT_MICRO_BATCH = 512;
const DEFAULT_IMAGE_CACHE_BYTES = 32 * 1024 * 1024;
const DEFAULT_KEPT_SEQUENCES = 8;
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
    /** Also for measurement; pictures of a prompt go through `generate`, which keeps what it has seen. */
    readonly encoder: VisionEncoder | null,
    private readonly imageCache: ImageEmbeddingCache,
    private readonly prefixCache: PrefixCache,
    /** In order of making. */
    private readonly resources: readonly Disposable[],
  ) {
    this.#scheduler = new BatchScheduler(runner);
  }

  /**
   * Loads a model.
   * @throws USAGE, DEVICE_UNAVAILABLE, FILE_NOT_FOUND, GGUF_*, MODEL_UNSUPPORTED, MODEL_INCOMPLETE, MMPROJ_MISMATCH, OUT_OF_MEMORY, NATIVE_*, CANCELLED
   */
  static async load(options: EngineOptions): Promise<Engine> {
    const start = performance.now();
    checkEngineOptions(options);
    const { device = 'cpu' } = options;
    if (device !== 'cpu') {
      const { name, description } = findGpu(device);
      throw new EdgeVlmError('DEVICE_UNAVAILABLE', `${name} (${description}) is there, but this release computes on the processor only`);
    }
    const file = await readGguf(options.model);
    const decoder = createDecoder(file);
    const { shape } = decoder;
    const vision = options.mmproj === undefined ? null : await readVision(options.mmproj, options.model, shape);
    const cells = options.context ?? Math.min(shape.trainedContext, DEFAULT_CONTEXT);
    const geometry = { ...shape, cells };
    const cacheBytes = kvCacheBytes(geometry, options.cache ?? {});
    const halves = [
      { file, specs: decoder.weights },
      ...(vision === null ? [] : [{ file: vision.file, specs: visionWeights(vision.family) }]),
    ];
    const neededBytes = cacheBytes + sum(halves.map(({ file: half, specs }) => plannedBytes(half, specs)));
    const { mmap = 'auto' } = options;
    const map = mmap === 'on' || (mmap === 'auto' && !fitsMemory(neededBytes));

    const resources: Disposable[] = [];
    const keep = <R extends Disposable>(resource: R): R => {
      resources.push(resource);
      return resource;
    };
    const load = async (from: GgufFile, specs: readonly WeightSpec[]): Promise<Weights> =>
      keep(await Weights.load(backend, from, specs, { map, onBytes: options.onLoadBytes, signal: options.signal }));
    const backend = keep(new CpuBackend({ threads: options.threads ?? defaultThreads(), poll: options.poll, cpus: options.cpus }));
    try {
      const copiedBytes = (): number => sum(halves.map(({ file: half, specs }) => Weights.copiedBytes(backend, half, specs)));
      assertFitsMemory(options.model, map ? cacheBytes + copiedBytes() : neededBytes);
      options.onPlannedBytes?.(neededBytes);
      const weights = await load(file, decoder.weights);
      const cache = createKvCache(backend, geometry, options.cache ?? {});
      keep(cache.resource);
      const prefixCache = new PrefixCache(cache, options.keptSequences ?? DEFAULT_KEPT_SEQUENCES);
      const reclaim = (): boolean => prefixCache.evict();
      const runner = keep(new DecoderRunner(backend, decoder, weights, cache, options.microBatch ?? DEFAULT_MICRO_BATCH, reclaim));
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
        warnings: [
          ...(options.context !== undefined && options.context > shape.trainedContext
            ? [`the model was trained with ${shape.trainedContext} tokens: each answer keeps to them, not to ${options.context}`]
            : []),
          ...(mmap === 'on' && weights.mappedBytes === 0
            ? ['no weight could stay in the file: all are repacked for this processor, or the system cannot map files']
            : []),
        ],
      };
      const imageCache = new ImageEmbeddingCache(options.imageCacheBytes ?? DEFAULT_IMAGE_CACHE_BYTES);
      return new Engine(description, shape, runner, encoder, imageCache, prefixCache, resources);
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
   * @throws CONTEXT_FULL, USAGE, MMPROJ_MISSING, GRAMMAR_STUCK
   */
  async *generate(task: EngineTask, signal?: AbortSignal): AsyncGenerator<EngineEvent, void, void> {
    const sequence = this.#nextSequence++;
    const clock = new StageClock();
    const counts = { promptTokens: 0, imageTokens: 0, cachedTokens: 0, completionTokens: 0 };
    let finishReason: FinishReason = 'cancelled';
    using sampler = createSampler(this.shape.vocabulary, resolveSampling(task.sampling));
    try {
      const prompt = this.#layOut(task.prompt, task.reuse ?? true);
      counts.promptTokens = prompt.tokens.length;
      counts.imageTokens = prompt.images.length * this.tokensPerTile;
      if (prompt.reuse) counts.cachedTokens = this.prefixCache.begin(sequence, prompt);
      const entry = await this.#embed(sequence, prompt, counts.cachedTokens, clock, signal);
      acceptPrompt(sampler, task.prompt);
      const promptLogits = await clock.measure('prefill', (onStart) => this.#scheduler.append(entry, onStart, signal));
      const tokens = createDecodingStrategy(task.strategy ?? 'plain').run({
        target: {
          length: () => this.runner.cache.length(sequence),
          decode: async (appended, logits) => {
            const entry = { sequence, tokens: appended, logits };
            const rows = await clock.measure('decode', (onStart) => this.#scheduler.append(entry, onStart, signal));
            this.prefixCache.append(sequence, appended);
            return rows;
          },
          truncate: (length) => {
            this.prefixCache.truncate(sequence, length);
          },
        },
        promptLogits,
        sampler: timed(task.constraint === undefined ? sampler : new ConstrainedSampler(sampler, task.constraint), clock),
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
      this.prefixCache.end(sequence);
    }
    yield { type: 'done', result: { finishReason, ...counts, timings: clock.timings() } };
  }

  /** Frees everything. @throws ENGINE_DISPOSED while a graph runs: its memory is in use */
  [Symbol.dispose](): void {
    if (this.#scheduler.busy) throw new EdgeVlmError('ENGINE_DISPOSED', 'the engine cannot be freed while it computes');
    disposeAll([...this.resources]);
  }

  /** @throws CONTEXT_FULL, MMPROJ_MISSING, USAGE for an empty prompt */
  #layOut(pieces: readonly PromptPiece[], reuse: boolean): LaidOutPrompt {
    const perTile = this.tokensPerTile;
    const length = pieces.reduce((sum, piece) => sum + (piece.type === 'tokens' ? piece.tokens.length : perTile), 0);
    if (length === 0) throw new EdgeVlmError('USAGE', 'the prompt is empty');
    if (length > this.description.contextLength) {
      throw new EdgeVlmError('CONTEXT_FULL', `the prompt has ${length} tokens, the context ${this.description.contextLength}`);
    }
    const tokens = new Int32Array(length);
    const images: LaidOutImage[] = [];
    let at = 0;
    for (const piece of pieces) {
      if (piece.type === 'tokens') {
        tokens.set(piece.tokens, at);
        at += piece.tokens.length;
      } else {
        if (this.encoder === null) throw new EdgeVlmError('MMPROJ_MISSING', 'this model was loaded without its vision half');
        tokens.fill(PLACEHOLDER_TOKEN, at, at + perTile);
        images.push({ at, tile: piece.tile, hash: reuse ? hashTile(piece.tile) : '' });
        at += perTile;
      }
    }
    return { tokens, images, reuse };
  }

  /** What is left of a prompt after its first `cached` tokens, pictures encoded. */
  async #embed(
    sequence: number,
    { tokens, images, reuse }: LaidOutPrompt,
    cached: number,
    clock: StageClock,
    signal?: AbortSignal,
  ): Promise<BatchEntry> {
    const embeddings: EmbeddingRows[] = [];
    for (const { at, tile, hash } of images) {
      const known = Math.max(cached - at, 0);
      if (known >= this.tokensPerTile) continue;
      const values =
        (reuse ? this.imageCache.get(hash) : undefined) ??
        (await clock.measure('encode', (onStart) => this.#encode(tile, reuse ? hash : null, onStart, signal)));
      embeddings.push({ at: at + known - cached, values: values.subarray(known * this.shape.embedding) });
    }
    return { sequence, tokens: tokens.subarray(cached), embeddings, logits: 'last' };
  }

  /** The tower uses the decoder's threads, so a tile waits for the running batch. */
  #encode(tile: ImageTile, hash: string | null, onStart: () => void, signal?: AbortSignal): Promise<Float32Array> {
    const { encoder, imageCache } = this;
    if (encoder === null) throw new EdgeVlmError('MMPROJ_MISSING', 'this model was loaded without its vision half');
    const encode = async (): Promise<Float32Array> => {
      // The same picture may have been encoded for another prompt while this one waited.
      const values = (hash === null ? undefined : imageCache.get(hash)) ?? (await encoder.encode(tile, signal));
      if (hash !== null) imageCache.set(hash, values);
      return values;
    };
    return this.#scheduler.exclusive(encode, onStart, signal);
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

function hashTile({ width, height, rgb }: ImageTile): string {
  return createHash('sha256').update(`${width}x${height} `).update(rgb).digest('hex');
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
