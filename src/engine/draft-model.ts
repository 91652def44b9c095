import { EdgeVlmError } from '../core/errors.js';
import { readGguf, type GgufFile } from '../formats/gguf/read-gguf.js';
import { DecoderRunner } from './decoder-runner.js';
import type { Decoder } from './decoders/decoder.js';
import { createDecoder } from './decoders/registry.js';
import type { Backend } from './ggml/backend.js';
import { createKvCache, kvCacheBytes } from './kv-cache/registry.js';
import { EvictedPrefixes } from './reuse/evicted-prefixes.js';
import { PrefixCache } from './reuse/prefix-cache.js';
import type { SequenceModel } from './sequence-target.js';
import { Weights, type WeightLoadOptions } from './weights.js';

/** What a draft makes of pictures: the word that stands for an image token, where its vocabulary has one, or the target's own image tokens. */
export const DRAFT_VIEWS = ['words', 'image-tokens'] as const;
export type DraftView = (typeof DRAFT_VIEWS)[number];

export interface DraftOptions {
  /** GGUF file of a decoder with the target's vocabulary. */
  readonly model: string;
  /** Default `words`. `image-tokens` is for a draft that was trained on those of this target. */
  readonly view?: DraftView;
}

/** How the vocabularies of Idefics3 and its kin spell an image token. */
const IMAGE_WORD = '<image>';
/** Those that decide what a token id means. */
const VOCABULARY_KEYS = ['tokenizer.ggml.bos_token_id', 'tokenizer.ggml.eos_token_id'] as const;

/** What can be told of a draft before it is loaded. */
export interface DraftFile {
  readonly file: GgufFile;
  readonly decoder: Decoder;
  readonly view: DraftView;
  /** The word for an image token; null where there is none, and pictures are passed over. */
  readonly imageToken: number | null;
}

/** Reads a draft's header and compares it with the target's. @throws DRAFT_MISMATCH and as `createDecoder` */
export async function readDraft({ model, view = 'words' }: DraftOptions, target: GgufFile, targetEmbedding: number): Promise<DraftFile> {
  const file = await readGguf(model);
  const decoder = createDecoder(file);
  assertSameVocabulary(file, target);
  if (view === 'image-tokens' && decoder.shape.embedding !== targetEmbedding) {
    throw new EdgeVlmError(
      'DRAFT_MISMATCH',
      `${model} reads embeddings of ${decoder.shape.embedding} values, the image tokens of ${target.path} have ${targetEmbedding}`,
    );
  }
  const imageToken = file.metadata.strings('tokenizer.ggml.tokens').indexOf(IMAGE_WORD);
  return { file, decoder, view, imageToken: imageToken < 0 ? null : imageToken };
}

/** Ids must mean the same; a few at the end, which one of the two rounds up to, may be missing. */
function assertSameVocabulary(draft: GgufFile, target: GgufFile): void {
  const refuse = (what: string): never => {
    throw new EdgeVlmError('DRAFT_MISMATCH', `${draft.path} cannot draft for ${target.path}: ${what}`);
  };
  const [a, b] = [draft.metadata, target.metadata];
  const [kind, wanted] = [a.string('tokenizer.ggml.model'), b.string('tokenizer.ggml.model')];
  if (kind !== wanted) refuse(`its tokeniser is "${kind}", not "${wanted}"`);
  for (const key of VOCABULARY_KEYS) {
    if (a.number(key, -1) !== b.number(key, -1)) refuse(`${key} is ${a.number(key, -1)}, not ${b.number(key, -1)}`);
  }
  const [tokens, known] = [a.strings('tokenizer.ggml.tokens'), b.strings('tokenizer.ggml.tokens')];
  for (let id = 0; id < Math.min(tokens.length, known.length); id++) {
    if (tokens[id] !== known[id]) refuse(`token ${id} is ${JSON.stringify(tokens[id])}, not ${JSON.stringify(known[id])}`);
  }
}

/** Bytes that a draft's cache takes. */
export function draftCacheBytes({ decoder }: DraftFile, cells: number): number {
  return kvCacheBytes({ ...decoder.shape, cells }, {});
}

/** A smaller model that guesses for the target, with a cache of its own and the target's threads. */
export class DraftModel implements SequenceModel, Disposable {
  readonly drafts = true;
  readonly contextLength: number;
  readonly runner: DecoderRunner;
  readonly prefixCache: PrefixCache;
  readonly view: DraftView;
  readonly imageToken: number | null;
  readonly weightBytes: number;
  readonly #resources: readonly Disposable[];

  private constructor(
    backend: Backend,
    { decoder, view, imageToken }: DraftFile,
    weights: Weights,
    { cells, contextLength, microBatch, keptSequences, cacheRamBytes }: DraftSizes,
  ) {
    const cache = createKvCache(backend, { ...decoder.shape, cells }, {});
    this.prefixCache = new PrefixCache(cache, keptSequences, EvictedPrefixes.of(cache, cacheRamBytes));
    this.runner = new DecoderRunner(backend, decoder, weights, cache, microBatch, () => this.prefixCache.evict());
    this.contextLength = contextLength;
    this.view = view;
    this.imageToken = imageToken;
    this.weightBytes = weights.bytes;
    this.#resources = [this.runner, cache.resource, weights];
  }

  /** @throws as `Weights.load` and `createKvCache` */
  static async load(backend: Backend, draft: DraftFile, sizes: DraftSizes, options: WeightLoadOptions): Promise<DraftModel> {
    const weights = await Weights.load(backend, draft.file, draft.decoder.weights, options);
    try {
      return new DraftModel(backend, draft, weights, sizes);
    } catch (thrown) {
      weights[Symbol.dispose]();
      throw thrown;
    }
  }

  [Symbol.dispose](): void {
    for (const resource of this.#resources) resource[Symbol.dispose]();
  }
}

/** As the engine's options. */
export interface DraftSizes {
  readonly cells: number;
  /** Of one sequence. */
  readonly contextLength: number;
  readonly microBatch: number;
  readonly keptSequences: number;
  readonly cacheRamBytes: number;
}
