import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';
import type { SamplingOptions } from '../core/generator.js';
import type { Logger } from '../core/logger.js';
import type { BenchmarkRunner } from '../serving/benchmark-runner.js';
import type { InferenceMetrics } from '../serving/inference-metrics.js';
import type { InferenceService } from '../serving/inference-service.js';
import type { PictureFetcher } from '../serving/picture-fetch/picture-fetcher.js';
import type { ModelShelf } from '../serving/model-shelf.js';
import type { SystemSampler } from '../serving/system-sampler.js';
import type { IdempotencyStore } from './idempotency.js';
import type { KeyRing } from './keys/key-ring.js';
import type { PrometheusMetrics } from './prometheus-metrics.js';
import type { TlsCertificate } from './tls-certificate.js';

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
  /** How tokens are chosen where a request does not say. */
  readonly defaultSampling: SamplingOptions;
}

export interface ServerOptions {
  readonly service: InferenceService;
  readonly metrics: InferenceMetrics;
  readonly prometheus: PrometheusMetrics;
  readonly system: SystemSampler;
  readonly benchmark: BenchmarkRunner;
  /** What could be loaded. */
  readonly shelf: ModelShelf;
  /** What is computed on, for `GET /health`. */
  readonly device: string;
  readonly version: string;
  readonly limits: RequestLimits;
  /** What of the configuration could not be obeyed; every answer lists it beside its own warnings. */
  readonly warnings: readonly string[];
  /** Who may ask; without keys: everybody who reaches the server. */
  readonly keys: KeyRing;
  /** Requests of one key or address in a minute. Absent: any number. */
  readonly rateLimit?: number;
  /** Absent: plain HTTP. */
  readonly tls?: TlsCertificate;
  /** Where pictures may be fetched from; the same as the service has. Absent: nothing is fetched. */
  readonly fetcher?: PictureFetcher;
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
