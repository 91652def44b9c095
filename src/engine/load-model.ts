import { EdgeVlmError } from '../core/errors.js';
import type { DetailedDescription } from '../core/generator.js';
import { countParameters, describePrecision } from '../formats/gguf/describe-precision.js';
import { readGguf, type GgufFile } from '../formats/gguf/read-gguf.js';
import { checkEngineOptions } from './check-engine-options.js';
import { DecoderRunner } from './decoder-runner.js';
import type { DecoderShape } from './decoders/decoder.js';
import { createDecoder } from './decoders/registry.js';
import { DecodingResources } from './decoding-resources.js';
import { defaultThreads } from './default-threads.js';
import { draftCacheBytes, DraftModel, readDraft } from './draft-model.js';
import type { EngineOptions } from './engine-options.js';
import { findGpu } from './ffi/find-gpu.js';
import { CpuBackend } from './ggml/cpu-backend.js';
import { createPruning, type TilePruning } from './image-pruning/registry.js';
import { checkKvCacheOptions, createKvCache, describeLoss, kvCacheBytes } from './kv-cache/registry.js';
import { layerCosts, type LayerCosts } from './layer-costs.js';
import { LayerRunner } from './layer-runner.js';
import { assertFitsMemory, fitsMemory } from './memory-budget.js';
import { ImageEmbeddingCache } from './reuse/image-embedding-cache.js';
import { PrefixCache } from './reuse/prefix-cache.js';
import { VisionEncoder } from './vision-encoder.js';
import { readVisionFamily, type VisionFamily } from './vision-family.js';
import { resolveWeights, Weights, type WeightSpec } from './weights.js';

const DEFAULT_CONTEXT = 4096;
const DEFAULT_MICRO_BATCH = 512;
const DEFAULT_IMAGE_CACHE_BYTES = 32 * 1024 * 1024;
const DEFAULT_KEPT_SEQUENCES = 8;

/** What an engine works with. */
export interface LoadedModel {
  readonly description: DetailedDescription;
  readonly shape: DecoderShape;
  readonly runner: DecoderRunner;
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
    return { description, shape, runner, encoder, imageCache, prefixCache, decoding, pruning, lossy, resources };
  } catch (thrown) {
    disposeAll(resources);
    throw thrown;
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
export function disposeAll(resources: readonly Disposable[]): void {
  for (const resource of resources.toReversed()) resource[Symbol.dispose]();
}
