import { basename, resolve } from 'node:path';
import { EdgeVlmError } from '../core/errors.js';
import type { Progress } from '../core/progress.js';
import type { GgufValue } from '../formats/gguf/gguf-value.js';
import { writeGguf, type GgufTensorSource } from '../formats/gguf/write-gguf.js';
import type { CheckpointTensor } from '../formats/checkpoint/checkpoint-tensor.js';
import { openCheckpoint } from '../formats/checkpoint/open-checkpoint.js';
import { readCheckpointConfig, type CheckpointConfig, type DecoderConfig } from './checkpoint-config.js';
import { clipVision } from './clip-vision.js';
import { generalMetadata } from './general-metadata.js';
import { idefics3Tower } from './idefics3-tower.js';
import { readImageProcessor, type ImageProcessorConfig } from './image-processor-config.js';
import { llamaDecoder } from './llama-decoder.js';
import { planTensors, type ModelHalf } from './model-half.js';
import { OUTPUT_TYPES, type OutputType } from './output-type.js';
import { readVocabulary } from './vocabulary/read-vocabulary.js';

export interface ConvertOptions {
  /** A checkpoint's folder: config.json, the tokenizer's files, model.safetensors or pytorch_model.bin, or their parts and index. */
  readonly dir: string;
  /** The folder of the CLIP model, for LLaVA and MobileVLM checkpoints that only name theirs. */
  readonly visionTower?: string | undefined;
  /** The GGUF file to write; one that exists is replaced. */
  readonly out: string;
  /** Where the vision half goes; without it only the decoder is written. */
  readonly mmprojOut?: string | undefined;
  /** What matrices are written as. */
  readonly type: OutputType;
  /** The same for the vision half. Default: f32 where `type` is f32, else f16. */
  readonly mmprojType?: OutputType | undefined;
  /** `general.name`. Default: the folder's name. */
  readonly name?: string | undefined;
  readonly onProgress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ConvertedFile {
  readonly path: string;
  readonly bytes: number;
  readonly parameters: number;
  /** How many tensors were written as each type. */
  readonly tensorsByType: Readonly<Record<string, number>>;
}

export interface ConversionReport {
  readonly model: ConvertedFile;
  readonly mmproj?: ConvertedFile;
}

/** Version 2 of ggml's block layouts, as `GGML_QNT_VERSION` in ggml.h. */
const QUANTIZATION_VERSION = 2;

/**
 * Makes GGUF files of a LLaMA checkpoint, or of an Idefics3, SmolVLM, LLaVA-1.5 or MobileVLM one, with the names and keys of
 * llama.cpp's converters. One tensor is in memory at a time.
 * @throws EdgeVlmError CHECKPOINT_UNSUPPORTED, CHECKPOINT_INVALID, MODEL_INCOMPLETE, SAFETENSORS_INVALID, FILE_NOT_FOUND,
 * FILE_UNREADABLE, FILE_UNWRITABLE, CANCELLED.
 */
export async function convertModel(options: ConvertOptions): Promise<ConversionReport> {
  const { dir, out, mmprojOut, type } = options;
  const { decoder, vision } = await readCheckpointConfig(dir);
  if (mmprojOut !== undefined && vision === undefined) throw new EdgeVlmError('CHECKPOINT_UNSUPPORTED', `${dir} has no vision half`);
  if (mmprojOut !== undefined && resolve(mmprojOut) === resolve(out))
    throw new EdgeVlmError('USAGE', 'both halves would be written to the same file');
  const checkpoint = await openCheckpoint(dir);
  const name = options.name ?? basename(resolve(dir));

  // Both halves are checked before anything is written.
  const vocabulary = await readVocabulary(dir, decoder.vocabSize);
  const half = llamaDecoder(decoder);
  // The head decides every token: llama.cpp's quantiser, too, keeps it finer than q4_0 (as Q6_K).
  const tensors = planTensors(half, checkpoint, type, type === 'q4_0' ? 'q8_0' : type);
  const mmprojType = options.mmprojType ?? (type === 'f32' ? 'f32' : 'f16');
  const other = mmprojOut === undefined ? undefined : await visionHalf(options, decoder, vision, checkpoint);
  const visionTensors = other === undefined ? [] : planTensors(other.half, other.checkpoint, mmprojType, mmprojType);

  const metadata = fileMetadata(generalMetadata('llama', 'model', name, tensors), half, type, vocabulary);
  const model = await write(out, metadata, tensors, options);
  if (other === undefined || mmprojOut === undefined) return { model };
  // llama.cpp's script for LLaVA has keys of its own, which `clipTower` gives in full.
  const visionMetadata =
    vision?.kind === 'clip'
      ? new Map([...other.half.metadata, fileType(mmprojType)])
      : fileMetadata(generalMetadata('clip', 'mmproj', name, visionTensors), other.half, mmprojType, []);
  return { model, mmproj: await write(mmprojOut, visionMetadata, visionTensors, options) };
}

interface VisionHalf {
  readonly half: ModelHalf;
  readonly checkpoint: ReadonlyMap<string, CheckpointTensor>;
}

async function visionHalf(
  { dir, visionTower }: ConvertOptions,
  decoder: DecoderConfig,
  vision: CheckpointConfig['vision'],
  checkpoint: ReadonlyMap<string, CheckpointTensor>,
): Promise<VisionHalf | undefined> {
  switch (vision?.kind) {
    case 'idefics3':
      return { half: idefics3Tower(vision.tower, await imageProcessor(dir)), checkpoint };
    case 'clip':
      return clipVision({ dir, clip: vision.clip, decoder, checkpoint, visionTower });
    case undefined:
      return undefined;
  }
}

async function imageProcessor(dir: string): Promise<ImageProcessorConfig> {
  const processor = await readImageProcessor(dir);
  if (processor !== undefined) return processor;
  throw new EdgeVlmError('MODEL_INCOMPLETE', `${dir} has no preprocessor_config.json with image_mean and image_std`);
}

function fileMetadata(
  general: readonly [string, GgufValue][],
  half: ModelHalf,
  type: OutputType,
  vocabulary: readonly [string, GgufValue][],
): Map<string, GgufValue> {
  const metadata = new Map<string, GgufValue>([...general, ...half.metadata]);
  metadata.set(...fileType(type));
  metadata.set('general.quantization_version', { type: 'u32', value: QUANTIZATION_VERSION });
  for (const [key, value] of vocabulary) metadata.set(key, value);
  return metadata;
}

function fileType(type: OutputType): [string, GgufValue] {
  return ['general.file_type', { type: 'u32', value: OUTPUT_TYPES[type] }];
}

async function write(
  path: string,
  metadata: ReadonlyMap<string, GgufValue>,
  tensors: readonly GgufTensorSource[],
  { onProgress, signal }: ConvertOptions,
): Promise<ConvertedFile> {
  const bytes = await writeGguf(path, { metadata, tensors }, { onProgress, signal });
  const tensorsByType: Record<string, number> = {};
  let parameters = 0;
  for (const { type, shape } of tensors) {
    tensorsByType[type] = (tensorsByType[type] ?? 0) + 1;
    parameters += shape.reduce((product, size) => product * size, 1);
  }
  return { path, bytes, parameters, tensorsByType };
}
