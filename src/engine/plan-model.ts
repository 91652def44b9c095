import { EdgeVlmError } from '../core/errors.js';
import { readGguf, type GgufFile } from '../formats/gguf/read-gguf.js';
import type { Decoder, DecoderShape } from './decoders/decoder.js';
import { createDecoder } from './decoders/registry.js';
import { draftCacheBytes, readDraft, type DraftFile } from './draft-model.js';
import type { EngineOptions } from './engine-options.js';
import type { KvCacheGeometry } from './kv-cache/kv-cache.js';
import { canCopy, checkKvCacheOptions, kvCacheBytes } from './kv-cache/registry.js';
import { readVisionFamily, type VisionFamily } from './vision-family.js';
import { resolveWeights, type WeightSpec } from './weights.js';

const DEFAULT_CONTEXT = 4096;
const MOST_CACHE_RAM_BYTES = 256 * 1024 * 1024;

/** A file, and what will be read of it. */
export interface PlannedHalf {
  readonly file: GgufFile;
  readonly specs: readonly WeightSpec[];
}

/** What the headers of a model's files say it will be, before anything is loaded. */
export interface ModelPlan {
  readonly file: GgufFile;
  readonly decoder: Decoder;
  readonly vision: { readonly file: GgufFile; readonly family: VisionFamily } | null;
  readonly draft: DraftFile | null;
  /** Of the cache. */
  readonly geometry: KvCacheGeometry & DecoderShape;
  /** The decoder, the vision half and the draft, where there are such. */
  readonly halves: readonly PlannedHalf[];
  /** Of keys and values, the draft's included. */
  readonly cacheBytes: number;
  /** Of weights and cache together. */
  readonly neededBytes: number;
  /** Of this process's memory, for what has to leave the cache: what was asked for, else what may be left out. */
  readonly cacheRamBytes: number;
}

/** The part of {@link EngineOptions} that says how much memory a model takes. */
export type PlanOptions = Pick<
  EngineOptions,
  'model' | 'mmproj' | 'draft' | 'context' | 'sequences' | 'cache' | 'keptSequences' | 'cacheRamBytes'
>;

/**
 * Reads and checks the headers, and counts the bytes. Weights stay on disk and nothing native is loaded.
 * @throws USAGE, FILE_NOT_FOUND, GGUF_*, MODEL_UNSUPPORTED, MODEL_INCOMPLETE, MMPROJ_MISMATCH, DRAFT_MISMATCH
 */
export async function planModel(options: PlanOptions): Promise<ModelPlan> {
  checkKvCacheOptions(options.cache ?? {});
  const file = await readGguf(options.model);
  const decoder = createDecoder(file);
  const { shape } = decoder;
  const vision = options.mmproj === undefined ? null : await readVision(options.mmproj, options.model, shape);
  const draft = options.draft === undefined ? null : await readDraft(options.draft, file, shape.embedding);
  const cells = options.context ?? Math.min(shape.trainedContext, DEFAULT_CONTEXT);
  const geometry = { ...shape, cells, sequences: options.sequences ?? 1 };
  const cacheBytes = kvCacheBytes(geometry, options.cache ?? {}) + (draft === null ? 0 : draftCacheBytes(draft, cells));
  const halves = [
    { file, specs: decoder.weights },
    ...(vision === null ? [] : [{ file: vision.file, specs: visionWeights(vision.family) }]),
    ...(draft === null ? [] : [{ file: draft.file, specs: draft.decoder.weights }]),
  ];
  const neededBytes = cacheBytes + halves.reduce((sum, half) => sum + plannedBytes(half), 0);
  const keepsPrompts = options.keptSequences !== 0 && canCopy(options.cache ?? {});
  const cacheRamBytes = keepsPrompts ? (options.cacheRamBytes ?? defaultCacheRam(cacheBytes)) : 0;
  return { file, decoder, vision, draft, geometry, halves, cacheBytes, neededBytes, cacheRamBytes };
}

/** Bytes for what has to leave a cache of so many, where nobody says. */
export function defaultCacheRam(cacheBytes: number): number {
  return Math.min(Math.ceil(cacheBytes), MOST_CACHE_RAM_BYTES);
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

export function visionWeights({ tower, projector }: VisionFamily): WeightSpec[] {
  return [...tower.weights, ...projector.weights];
}

function plannedBytes({ file, specs }: PlannedHalf): number {
  return resolveWeights(file, specs).reduce((sum, { info }) => sum + info.bytes, 0);
}
