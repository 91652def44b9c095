import { basename, resolve } from 'node:path';
import { EdgeVlmError } from '../core/errors.js';
import type { Progress } from '../core/progress.js';
import type { GgufValue } from '../formats/gguf/gguf-value.js';
import { writeGguf, type GgufTensorSource } from '../formats/gguf/write-gguf.js';
import { openCheckpoint } from '../formats/safetensors/open-checkpoint.js';
import { readCheckpointConfig } from './checkpoint-config.js';
import { generalMetadata } from './general-metadata.js';
import { idefics3Tower } from './idefics3-tower.js';
import { llamaDecoder } from './llama-decoder.js';
import { planTensors, type ModelHalf } from './model-half.js';
import { OUTPUT_TYPES, type OutputType } from './output-type.js';
import { readVocabulary } from './vocabulary/read-vocabulary.js';

export interface ConvertOptions {
  /** A Hugging Face folder: config.json, the tokenizer's files, model.safetensors or its parts and index. */
  readonly dir: string;
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
 * Makes GGUF files of a LLaMA checkpoint, or of an Idefics3 or SmolVLM one, with the names and keys of llama.cpp's converter.
 * One tensor is in memory at a time.
 * @throws EdgeVlmError CHECKPOINT_UNSUPPORTED, CHECKPOINT_INVALID, MODEL_INCOMPLETE, SAFETENSORS_INVALID, FILE_NOT_FOUND,
 * FILE_UNREADABLE, FILE_UNWRITABLE, CANCELLED.
 */
export async function convertModel(options: ConvertOptions): Promise<ConversionReport> {
  const { dir, out, mmprojOut, type } = options;
  const { decoder, tower } = await readCheckpointConfig(dir);
  if (mmprojOut !== undefined && tower === undefined) throw new EdgeVlmError('CHECKPOINT_UNSUPPORTED', `${dir} has no vision half`);
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
  const vision = tower === undefined || mmprojOut === undefined ? undefined : await idefics3Tower(dir, tower);
  const visionTensors = vision === undefined ? [] : planTensors(vision, checkpoint, mmprojType, mmprojType);

  const metadata = fileMetadata(generalMetadata('llama', 'model', name, tensors), half, type, vocabulary);
  const model = await write(out, metadata, tensors, options);
  if (vision === undefined || mmprojOut === undefined) return { model };
  const visionMetadata = fileMetadata(generalMetadata('clip', 'mmproj', name, visionTensors), vision, mmprojType, []);
  return { model, mmproj: await write(mmprojOut, visionMetadata, visionTensors, options) };
}

function fileMetadata(
  general: readonly [string, GgufValue][],
  half: ModelHalf,
  type: OutputType,
  vocabulary: readonly [string, GgufValue][],
): Map<string, GgufValue> {
  const metadata = new Map<string, GgufValue>([...general, ...half.metadata]);
  metadata.set('general.file_type', { type: 'u32', value: OUTPUT_TYPES[type] });
  metadata.set('general.quantization_version', { type: 'u32', value: QUANTIZATION_VERSION });
  for (const [key, value] of vocabulary) metadata.set(key, value);
  return metadata;
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
