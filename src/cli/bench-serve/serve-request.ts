import type { ServeAmounts } from '../../bench/scenarios/serve/serve-scenario.js';

/** What starts a server here on the same files: ours, and llama.cpp's beside it. */
export const SERVE_PEERS = ['llama-server'] as const;
export type ServePeer = (typeof SERVE_PEERS)[number];

/** A measurement of servers in full, whoever asked for it. */
export interface ServeRequest extends ServeAmounts {
  /** Servers that run already: one, or two that are compared. None where `vs` starts them. */
  readonly urls: readonly string[];
  readonly vs?: ServePeer;
  /** With `vs` what both serve; else the same model in this process, for what HTTP adds. */
  readonly model?: string;
  readonly mmproj?: string;
  readonly llamaServer?: string;
  readonly threads?: number;
  /** Tokens that each request may have, with `vs` and in this process. */
  readonly context?: number;
  /** Requests that the servers of `vs` run at once. */
  readonly parallel: number;
  /** MB that our server of `vs` has beside its cache for prompts that have to leave it; default: its own. */
  readonly cacheRam?: number;
  /** The same of its peer, MiB as llama-server counts; 0: what leaves a slot is gone. */
  readonly peerCacheRam?: number;
  /** A folder; without it scenes are drawn. */
  readonly pictures?: string;
  /** Width and height of drawn scenes, pixels. */
  readonly side: number;
  readonly timeout_ms: number;
  /** Of pictures, arrival times and intervals. */
  readonly seed: number;
}

/** What a request does not say. */
export const SERVE_DEFAULTS = {
  urls: [],
  loads: [1, 4, 16].map((clients) => ({ kind: 'clients', clients }) as const),
  requests: 16,
  rounds: 3,
  warmup: 2,
  maxTokens: 16,
  secondQuestions: 6,
  evictWith: 8,
  stallPictures: 3,
  stallTokens: 2048,
  overheadPictures: 10,
  parallel: 4,
  side: 256,
  timeout_ms: 300_000,
  seed: 0,
} as const satisfies ServeRequest;
