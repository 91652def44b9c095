import { randomUUID } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EdgeVlmError } from '../../../src/core/errors.js';
import { Logger } from '../../../src/core/logger.js';
import type { OpenRuntime } from '../../../src/core/runtime.js';
import { nullRuntime } from '../../../src/runtimes/null/null-runtime.js';
import { buildApp } from '../../../src/server/build-app.js';
import { drain } from '../../../src/server/drain.js';
import { IdempotencyStore } from '../../../src/server/idempotency.js';
import { KeyRing } from '../../../src/server/keys/key-ring.js';
import { PrometheusMetrics } from '../../../src/server/prometheus-metrics.js';
import type { App, ServerOptions } from '../../../src/server/server-options.js';
import { BenchmarkRunner } from '../../../src/serving/benchmark-runner.js';
import { InferenceMetrics } from '../../../src/serving/inference-metrics.js';
import { InferenceService, type InferenceServiceOptions } from '../../../src/serving/inference-service.js';
import { MemoryLedger } from '../../../src/serving/memory-ledger.js';
import { ModelPool } from '../../../src/serving/model-pool.js';
import type { ModelShelf } from '../../../src/serving/model-shelf.js';
import type { PictureIntake } from '../../../src/serving/picture-intake.js';
import type { ServableModel } from '../../../src/serving/servable-model.js';
import { type SystemReading, SystemSampler } from '../../../src/serving/system-sampler.js';

export interface TestApp {
  readonly app: App;
  readonly service: InferenceService;
  /** Lines of the log. */
  readonly log: string[];
  readonly resultsFile: string;
  close(): Promise<void>;
}

type Overrides = Partial<ServerOptions> &
  Partial<Pick<InferenceServiceOptions, 'deadline_ms' | 'quarantine'>> & {
    readonly parallel?: number;
    readonly maxQueue?: number;
    readonly preparePicture?: PictureIntake;
    readonly open?: () => Promise<OpenRuntime>;
    /** Bytes for all models. */
    readonly memoryBudget?: number;
    readonly apiKeys?: readonly string[];
  };

/** The server over a runtime that computes nothing, or over `open`. */
export async function testApp(overrides: Overrides = {}): Promise<TestApp> {
  const log: string[] = [];
  const logger = new Logger({ level: 'debug', sink: (line) => void log.push(line) });
  const metrics = new InferenceMetrics();
  const prometheus = new PrometheusMetrics();
  const { parallel = 4, maxQueue = 8, deadline_ms = 60_000 } = overrides;
  const observers = [metrics, prometheus];
  const ledger = new MemoryLedger({ budget: overrides.memoryBudget ?? 'auto', available: () => Infinity, resident: () => null });
  const supervision = { backoff_ms: 10, watch_ms: 50 };
  const models = new ModelPool({ ledger, logger, admission: { slots: parallel, maxQueue }, supervision });
  await models.load(nullModel('null', overrides)).done;
  const service = new InferenceService({
    models,
    deadline_ms,
    observers,
    ...(overrides.fetcher && { fetcher: overrides.fetcher }),
    ...(overrides.quarantine && { quarantine: overrides.quarantine }),
  });
  const probe = (): Promise<SystemReading> => Promise.resolve({ cpu_percent: 50, memory_mb: 100, temperature_celsius: null });
  const resultsFile = join(await mkdtemp(join(tmpdir(), 'edgevlm-server-')), 'benchmarks', 'results.json');
  const app = await buildApp({
    service,
    metrics,
    prometheus,
    system: new SystemSampler(probe),
    benchmark: new BenchmarkRunner(service, { probe }),
    shelf: EMPTY_SHELF,
    device: 'cpu',
    version: '0.0.0',
    limits: { imageBytes: 100_000, images: 4, maxTokens: 512, defaultTokens: 8, defaultSampling: {} },
    warnings: [],
    keys: await KeyRing.open({ given: overrides.apiKeys ?? [] }),
    corsOrigins: [],
    hostNames: [],
    resultsFile,
    idempotency: new IdempotencyStore(),
    logger,
    capacity: parallel + maxQueue,
    ...overrides,
  });
  const close = (): Promise<void> => drain(app, service);
  return { app, service, log, resultsFile, close };
}

/** A model that computes nothing, or whatever `open` opens; any two of one name are different files. */
export function nullModel(
  name: string,
  { open, preparePicture, bytes = 1000 }: Pick<Overrides, 'open' | 'preparePicture'> & { readonly bytes?: number } = {},
): ServableModel {
  return {
    names: [name, `${name}.gguf`],
    identity: randomUUID(),
    ...{ runtime: 'null', layers: 8, bytes },
    preparePicture:
      preparePicture ??
      ((picture) => Promise.resolve({ part: { type: 'picture', bytes: picture }, bytes: 0, decode_ms: 1, preprocess_ms: 2 })),
    open: open ?? (() => nullRuntime.open({ model: '', device: 'cpu', quantization: 'none' })),
  };
}

const EMPTY_SHELF: ModelShelf = {
  list: () => Promise.resolve([]),
  find: ({ model }) => Promise.reject(new EdgeVlmError('MODEL_UNKNOWN', `there is no ${model} here`)),
};

/** A multipart body, as browsers and curl send it. */
export function form(fields: Readonly<Record<string, string>>, image?: Uint8Array): { payload: Buffer; headers: Record<string, string> } {
  const boundary = 'edgevlm-test-boundary';
  const parts: Buffer[] = Object.entries(fields).map(([name, value]) =>
    Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`),
  );
  if (image !== undefined) {
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n`;
    parts.push(Buffer.from(head), Buffer.from(image), Buffer.from('\r\n'));
  }
  parts.push(Buffer.from(`--${boundary}--\r\n`));
  return { payload: Buffer.concat(parts), headers: { 'content-type': `multipart/form-data; boundary=${boundary}` } };
}
