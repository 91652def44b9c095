import { countParameters, describePrecision } from '../formats/gguf/describe-precision.js';
import type { GgmlType } from '../formats/gguf/ggml-types.js';
import type { GgufMetadata } from '../formats/gguf/gguf-metadata.js';
import { type GgufFile, readGguf } from '../formats/gguf/read-gguf.js';

/** What a GGUF file says of itself. What it leaves out is null. */
export interface ModelInspection {
  readonly file: string;
  readonly bytes: number;
  /** Of the GGUF format. */
  readonly version: number;
  readonly name: string | null;
  readonly architecture: string | null;
  /** Weights, counted one by one. */
  readonly parameters: number;
  readonly precision: string;
  readonly tensors: Partial<Record<GgmlType, { readonly count: number; readonly bytes: number }>>;
  /** Of a language model; null for a vision half. */
  readonly decoder: {
    readonly contextLength: number | null;
    readonly layers: number | null;
    readonly embedding: number | null;
    readonly vocabularySize: number | null;
    /** `tokenizer.ggml.model`: `llama` is SentencePiece, `gpt2` byte-level BPE. */
    readonly tokenizer: string | null;
    readonly chatTemplate: boolean;
  } | null;
  /** Of a vision half; null for a language model. */
  readonly vision: {
    /** The projector's name, which stands for the whole family. */
    readonly family: string | null;
    /** Side of one tile, pixels. */
    readonly imageSize: number | null;
    readonly layers: number | null;
    readonly embedding: number | null;
    /** Values of one image token: the embedding of the language model it belongs to. */
    readonly projection: number | null;
  } | null;
}

/** Reads a GGUF file's header; weights stay on disk and nothing native is loaded. @throws EdgeVlmError as `readGguf` */
export async function inspectModel(path: string): Promise<ModelInspection> {
  const file = await readGguf(path);
  const { metadata } = file;
  const architecture = text(metadata, 'general.architecture');
  const isVision = architecture === 'clip';
  return {
    file: path,
    bytes: file.fileBytes,
    version: file.version,
    name: text(metadata, 'general.name'),
    architecture,
    parameters: countParameters(file),
    precision: describePrecision(file),
    tensors: tensorsByType(file),
    decoder: isVision || architecture === null ? null : decoderFacts(metadata, architecture),
    vision: isVision ? visionFacts(metadata) : null,
  };
}

function decoderFacts(metadata: GgufMetadata, architecture: string): ModelInspection['decoder'] {
  return {
    contextLength: count(metadata, `${architecture}.context_length`),
    layers: count(metadata, `${architecture}.block_count`),
    embedding: count(metadata, `${architecture}.embedding_length`),
    vocabularySize: metadata.has('tokenizer.ggml.tokens') ? metadata.strings('tokenizer.ggml.tokens').length : null,
    tokenizer: text(metadata, 'tokenizer.ggml.model'),
    chatTemplate: metadata.has('tokenizer.chat_template'),
  };
}

function visionFacts(metadata: GgufMetadata): ModelInspection['vision'] {
  return {
    family: text(metadata, 'clip.vision.projector_type') ?? text(metadata, 'clip.projector_type'),
    imageSize: count(metadata, 'clip.vision.image_size'),
    layers: count(metadata, 'clip.vision.block_count'),
    embedding: count(metadata, 'clip.vision.embedding_length'),
    projection: count(metadata, 'clip.vision.projection_dim'),
  };
}

function tensorsByType(file: GgufFile): ModelInspection['tensors'] {
  const types: Partial<Record<GgmlType, { count: number; bytes: number }>> = {};
  for (const { type, bytes } of file.tensors) {
    const sum = (types[type] ??= { count: 0, bytes: 0 });
    sum.count++;
    sum.bytes += bytes;
  }
  return types;
}

function text(metadata: GgufMetadata, key: string): string | null {
  return metadata.has(key) ? metadata.string(key) : null;
}

function count(metadata: GgufMetadata, key: string): number | null {
  return metadata.has(key) ? metadata.count(key) : null;
}
