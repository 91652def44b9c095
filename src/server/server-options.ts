import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';
import type { Logger } from '../core/logger.js';
import type { BenchmarkRunner } from '../serving/benchmark-runner.js';
import type { InferenceMetrics } from '../serving/inference-metrics.js';
import type { InferenceService } from '../serving/inference-service.js';
import type { SystemSampler } from '../serving/system-sampler.js';
import type { IdempotencyStore } from './idempotency.js';
import type { PrometheusMetrics } from './prometheus-metrics.js';

/** What one request may cost. */
export interface RequestLimits {
  /** Largest picture file, bytes. */
  readonly imageBytes: number;
  /** Pictures of one request. */
  readonly images: number;
  /** New tokens that a request may ask for. */
  readonly maxTokens: number;
  /** New tokens where a request does not say. */
  readonly defaultTokens: number;
}

export interface ServerOptions {
  readonly service: InferenceService;
  readonly metrics: InferenceMetrics;
  readonly prometheus: PrometheusMetrics;
  readonly system: SystemSampler;
  readonly benchmark: BenchmarkRunner;
  /** What requests call the model; the first is listed. */
  readonly modelNames: readonly [string, ...string[]];
  /** What is computed on, for `GET /health`. */
  readonly device: string;
  readonly version: string;
  readonly limits: RequestLimits;
  /** Who may ask; empty: everybody who reaches the server. */
  readonly apiKeys: readonly string[];
  /** Pages of these origins may use the server; `*` for all. */
  readonly corsOrigins: readonly string[];
  /** Names that the Host header may hold; empty: any. Without keys this keeps out pages that make their own name mean this machine. */
  readonly hostNames: readonly string[];
  /** Where `POST /benchmark` leaves its results. */
  readonly resultsFile: string;
  readonly idempotency: IdempotencyStore;
  readonly logger: Logger;
}

export type App = FastifyInstance<RawServerDefault, IncomingMessage, ServerResponse, FastifyBaseLogger, TypeBoxTypeProvider>;
