import type { DetailedDescription } from '../core/generator.js';
import { countParameters, describePrecision } from '../formats/gguf/describe-precision.js';
import type { GgufFile } from '../formats/gguf/read-gguf.js';
import { checkEngineOptions } from './check-engine-options.js';
import { DecoderRunner } from './decoder-runner.js';
import type { DecoderShape } from './decoders/decoder.js';
import { DecodingResources } from './decoding-resources.js';
import { defaultThreads } from './default-threads.js';
import { DraftModel, draftCacheBytes } from './draft-model.js';
import type { EngineOptions } from './engine-options.js';
import { findGpu } from './ffi/find-gpu.js';
import type { Backend } from './ggml/backend.js';
import { CpuBackend } from './ggml/cpu-backend.js';
import { DeviceBackend } from './ggml/device-backend.js';
import { createPruning, type TilePruning } from './image-pruning/registry.js';
import { checkCacheOnDevice, createKvCache, describeLoss } from './kv-cache/registry.js';
import { layerCosts, type LayerCosts } from './layer-costs.js';
import { LayerRunner } from './layer-runner.js';
import { assertFitsDevice, assertFitsMemory, fitsMemory } from './memory-budget.js';
import { planModel, visionWeights } from './plan-model.js';
import { EvictedPrefixes } from './reuse/evicted-prefixes.js';
import { ImageEmbeddingCache } from './reuse/image-embedding-cache.js';
import { PrefixCache } from './reuse/prefix-cache.js';
import { VisionEncoder } from './vision-encoder.js';
import { Weights, type WeightSpec } from './weights.js';

const DEFAULT_MICRO_BATCH = 512;
const DEFAULT_IMAGE_CACHE_BYTES = 32 * 1024 * 1024;
const DEFAULT_KEPT_SEQUENCES = 8;

/** What an engine works with. */
export interface LoadedModel {
  readonly description: DetailedDescription;
  readonly shape: DecoderShape;
  readonly runner: DecoderRunner;
  /** Tokens that the cache holds. */
  readonly cells: number;
  readonly encoder: VisionEncoder | null;
  readonly imageCache: ImageEmbeddingCache;
  readonly prefixCache: PrefixCache;
  readonly decoding: DecodingResources;
  readonly pruning: TilePruning;
  /** What changes every answer, in words. */
  readonly lossy: readonly string[];
  /** In order of making: see {@link disposeAll}. */
  readonly resources: readonly Disposable[];
}

/**
 * Reads and checks the files, plans their memory, and loads them.
 * @throws USAGE, DEVICE_UNAVAILABLE, FILE_NOT_FOUND, GGUF_*, MODEL_UNSUPPORTED, MODEL_INCOMPLETE, MMPROJ_MISMATCH, DRAFT_MISMATCH, OUT_OF_MEMORY, NATIVE_*, CANCELLED
 */
export async function loadModel(options: EngineOptions): Promise<LoadedModel> {
  const start = performance.now();
  checkEngineOptions(options);
  const { device = 'cpu' } = options;
  checkCacheOnDevice(options.cache ?? {}, device);
  const gpu = device === 'cpu' ? null : findGpu(device);
  const { file, decoder, vision, draft, geometry, halves, cacheBytes, ...plan } = await planModel(options);
  const { shape } = decoder;
  const { cells } = geometry;
  const each = Math.floor(cells / (options.sequences ?? 1));
  const { mmap = 'auto' } = options;
  // What nobody asked for gives way.
  const isOptional = options.cacheRamBytes === undefined;
  const cacheRamBytes = isOptional && !fitsMemory(plan.neededBytes + plan.cacheRamBytes) ? 0 : plan.cacheRamBytes;
  const neededBytes = plan.neededBytes + cacheRamBytes;
  const map = mmap === 'on' || (mmap === 'auto' && !fitsMemory(neededBytes));

  const resources: Disposable[] = [];
  const keep = <R extends Disposable>(resource: R): R => {
    resources.push(resource);
    return resource;
  };
  const loading = { map, onBytes: options.onLoadBytes, signal: options.signal };
  const load = async (from: GgufFile, specs: readonly WeightSpec[]): Promise<Weights> =>
    keep(await Weights.load(backend, from, specs, loading));
  const pool = { threads: options.threads ?? defaultThreads(), poll: options.poll, cpus: options.cpus };
  const backend: Backend = keep(gpu === null ? new CpuBackend(pool) : new DeviceBackend(gpu, pool));
  try {
    const copiedBytes = (): number => sum(halves.map(({ file: half, specs }) => Weights.copiedBytes(backend, half, specs)));
    const free = backend.freeBytes();
    if (free === null) assertFitsMemory(options.model, map ? cacheBytes + cacheRamBytes + copiedBytes() : neededBytes);
    else {
      const onDevice = cacheBytes + copiedBytes();
      assertFitsDevice(options.model, backend.description, onDevice, free);
      if (!map) assertFitsMemory(options.model, neededBytes - onDevice);
    }
    options.onPlannedBytes?.(neededBytes);
    const weights = await load(file, decoder.weights);
    const cache = createKvCache(backend, geometry, options.cache ?? {});
    keep(cache.resource);
    const { microBatch = DEFAULT_MICRO_BATCH, keptSequences = DEFAULT_KEPT_SEQUENCES } = options;
    // The draft has its share, so that both keep the same prompts.
    const draftRamBytes = draft === null ? 0 : (cacheRamBytes * draftCacheBytes(draft, cells)) / cacheBytes;
    const evicted = EvictedPrefixes.of(cache, cacheRamBytes - draftRamBytes);
    const prefixCache = new PrefixCache(cache, cache.sharesNothing === true ? 0 : keptSequences, evicted);
    const reclaim = (): boolean => prefixCache.evict();
    const runner = keep(new DecoderRunner(backend, decoder, weights, cache, microBatch, reclaim));
    const towerWeights = vision === null ? null : await load(vision.file, visionWeights(vision.family));
    const encoder = vision === null || towerWeights === null ? null : keep(new VisionEncoder(backend, vision.family, towerWeights));
    const draftSizes = { cells, contextLength: each, microBatch, keptSequences, cacheRamBytes: draftRamBytes };
    const draftModel = draft === null ? null : await DraftModel.load(backend, draft, draftSizes, loading);
    const layered = (): { layerRunner: LayerRunner; prefixCache: PrefixCache; costs: LayerCosts } => ({
      layerRunner: new LayerRunner(backend, decoder, weights, cache, reclaim),
      prefixCache,
      costs: layerCosts(file, shape.layers),
    });
    const decoding = keep(new DecodingResources(shape, options.decoding ?? {}, draftModel, layered, options.speculationCosts ?? {}));
    // Refuses what does not go together before the first answer is asked for.
    decoding.layered(decoding.resolve({}));
    const pruning = createPruning(options.imagePruning, encoder?.family.projector.tokensPerTile ?? 0);
    if (gpu !== null) for (const model of [runner, ...(draftModel === null ? [] : [draftModel.runner])]) model.prepare(cells);
    const description: DetailedDescription = {
      ...(gpu !== null && { device: gpu.description }),
      name: file.metadata.string('general.name', 'unnamed'),
      architecture: file.metadata.string('general.architecture'),
      precision: describePrecision(file),
      parameters: countParameters(file) + (vision === null ? 0 : countParameters(vision.file)),
      contextLength: Math.min(each, shape.trainedContext),
      vocabularySize: shape.vocabulary,
      vision: vision?.family.preprocessing ?? null,
      weightBytes: weights.bytes + (towerWeights?.bytes ?? 0) + (draftModel?.weightBytes ?? 0),
      cacheBytes: cache.bytes + (draftModel?.runner.cache.bytes ?? 0) + cacheRamBytes,
      policies: { cache: options.cache?.policy ?? 'full', imageTokens: options.imagePruning?.keep ?? null },
      load_ms: performance.now() - start,
      warnings: [
        ...(options.context !== undefined && each > shape.trainedContext
          ? [`the model was trained with ${shape.trainedContext} tokens: each answer keeps to them, not to ${each}`]
          : []),
        ...(mmap === 'on' && weights.mappedBytes === 0
          ? ['no weight could stay in the file: all are repacked for this processor or lie on the device, or the system cannot map files']
          : []),
        ...(backend.helpedWith.size > 0 ? [`the processor computes for ${gpu?.name ?? ''}: ${[...backend.helpedWith].join(', ')}`] : []),
      ],
    };
    const lossy = [describeLoss(options.cache ?? {}), pruning.lossy].filter((loss) => loss !== null);
    const imageCache = new ImageEmbeddingCache(options.imageCacheBytes ?? DEFAULT_IMAGE_CACHE_BYTES);
    return { description, shape, runner, cells, encoder, imageCache, prefixCache, decoding, pruning, lossy, resources };
  } catch (thrown) {
    disposeAll(resources);
    throw thrown;
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Newest first: whatever stands on something is freed before it. */
export function disposeAll(resources: readonly Disposable[]): void {
  for (const resource of resources.toReversed()) resource[Symbol.dispose]();
}
