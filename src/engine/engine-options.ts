import type { DecodingOptions } from '../core/decoding.js';
import type { Device } from '../core/runtime.js';
import type { KnownCosts } from './decoding-resources.js';
import type { DraftOptions } from './draft-model.js';
import type { ImagePruningOptions } from './image-pruning/registry.js';
import type { KvCacheOptions } from './kv-cache/registry.js';
import type { MmapMode } from './mmap-mode.js';

/** How a model is loaded. */
export interface EngineOptions {
  /**
   * Default `cpu`. On another device weights, cache and graphs lie in its memory; the processor computes what it has no kernel for. The
   * cache policies with GEAR are for the processor alone.
   */
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
  /** Answers that run at once, at most: each has its share of the context. Default 1: an answer may take all that others leave. */
  readonly sequences?: number;
  /** For answers that do not say; `EngineTask.contextShift`. Default false. */
  readonly contextShift?: boolean;
  /** Tokens computed in one go. Default 512. */
  readonly microBatch?: number;
  readonly cache?: KvCacheOptions;
  /** Makes image tokens fewer. Default: all are kept. */
  readonly imagePruning?: ImagePruningOptions;
  /** Image tokens kept for pictures that come again, bytes. Default 32 MiB; 0 keeps none. */
  readonly imageCacheBytes?: number;
  /** Sequences whose keys and values are kept for prompts that begin alike; they give way when the context fills. Default 8; 0 keeps none. */
  readonly keptSequences?: number;
  /**
   * Bytes of this process's memory for keys and values of kept sequences whose cells were needed, those of a draft among them; 0 keeps
   * none. Policies that cannot copy them (GEAR, PyramidKV) take none. Default: as many as the cache has, at most 256 MiB, and none where
   * that does not fit.
   */
  readonly cacheRamBytes?: number;
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
