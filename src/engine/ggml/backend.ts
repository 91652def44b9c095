import type { Native } from '../ffi/native.js';
import type { Pointer } from '../ffi/pointer.js';
import type { Resource } from './resource.js';

/** A kind of memory that tensors can live in. */
export interface BufferType {
  readonly pointer: Pointer;
  readonly name: string;
  /** Whether data lies in it as files hold it, where this process can read and write it; else kernels alone know how. */
  readonly plain: boolean;
}

/** A graph as backends see it. */
export interface ComputeGraph {
  readonly label: string;
  readonly pointer: Pointer;
}

/** A graph that a device and the processor compute together. It has memory of its own until it is disposed of. */
export type ScheduledGraph = Disposable;

/** What graphs are computed on: the processor, or a device with the processor's help. Runs one graph at a time. */
export interface Backend extends Resource {
  readonly native: Native;
  readonly device: Pointer;
  /** In its maker's words. */
  readonly description: string;
  /** Of the processor. */
  readonly threads: number;
  /** Memory for caches, for weights, and for what graphs compute in between. */
  readonly defaultBufferType: BufferType;
  /** Memory of the processor, for weights that the device has no kernel for; on the processor the same. */
  readonly hostBufferType: BufferType;
  /** Memory in which matrices are stored rearranged for faster kernels, best first. */
  readonly repackBufferTypes: readonly BufferType[];

  /** Bytes that a device can still hold; null where they are this process's. */
  freeBytes(): number | null;

  /** Operations, in ggml's names, that the processor computes for the device in the graphs placed so far. */
  readonly helpedWith: ReadonlySet<string>;

  /**
   * Places a graph of which the device cannot compute everything.
   * @returns null where nobody's help is needed: the graph is placed like any other
   * @throws DEVICE_UNAVAILABLE where help is not possible, with the operation; OUT_OF_MEMORY
   */
  schedule(graph: ComputeGraph): ScheduledGraph | null;

  /**
   * Computes a graph that was placed. The event loop goes on meanwhile, unless the graph is expected to take no longer than a thread to wake.
   * @param expected_ms what it took before; absent where that is not known
   * @throws CANCELLED when `signal` is aborted: on the processor also in the middle of the graph, on a device before it
   */
  compute(graph: Pointer, signal?: AbortSignal, expected_ms?: number): Promise<void>;
}
