import { isIP } from 'node:net';
import { type Command, Option } from 'commander';
import { EdgeVlmError } from '../../core/errors.js';
import { Logger, type LogLevel } from '../../core/logger.js';
import { RUNTIME_NAMES } from '../../core/runtime.js';
import { buildApp } from '../../server/build-app.js';
import { drain } from '../../server/drain.js';
import { IdempotencyStore } from '../../server/idempotency.js';
import { PrometheusMetrics } from '../../server/prometheus-metrics.js';
import { BenchmarkRunner } from '../../serving/benchmark-runner.js';
import { InferenceMetrics } from '../../serving/inference-metrics.js';
import { InferenceService } from '../../serving/inference-service.js';
import { ModelSupervisor } from '../../serving/model-supervisor.js';
import { SystemSampler } from '../../serving/system-sampler.js';
import { DEFAULT_IMAGE_LIMITS } from '../../vision/intake/image-limits.js';
import { addCacheOptions } from '../options/cache-options.js';
import { addDecodingOptions } from '../options/decoding-options.js';
import { addModelOptions } from '../options/model-options.js';
import { addOutputOptions, type OutputOptions } from '../options/output-options.js';
import { addServerOptions, type ListenOptions } from '../options/server-options.js';
import { packageVersion } from '../package-version.js';
import { openServedModel, type ServedModelOptions } from '../serve/open-served-model.js';
import { pictureIntake } from '../serve/prepare-picture.js';
import { rotatingFileSink } from '../serve/rotating-file-sink.js';
import { systemProbe } from '../serve/system-probe.js';
import type { Session } from '../session.js';

type ServeOptions = ServedModelOptions & ListenOptions & OutputOptions;

const LOG_BYTES = 10_000_000;
const SAMPLING_MS = 5000;
const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]'];

/** `edgevlm serve` */
export function serve(program: Command, session: Session): void {
  const command = program
    .command('serve')
    .description('Serve captions and answers over HTTP, for this machine unless told otherwise. docs/SERVER.md shows how to call it.')
    .addOption(new Option('--runtime <name>', 'what runs the model; default: the engine where it can').choices([...RUNTIME_NAMES]));
  addOutputOptions(addCacheOptions(addDecodingOptions(addModelOptions(addServerOptions(command))))).action((options: ServeOptions) =>
    runServer(options, session),
  );
}

async function runServer(options: ServeOptions, session: Session): Promise<void> {
  const apiKeys = keysOf(options);
  const loopback = isLoopback(options.host);
  if (!loopback && apiKeys.length === 0 && options.insecure !== true) {
    throw new EdgeVlmError('USAGE', `${options.host} can be reached by other machines, and no key is asked for`, {
      hint: 'Set EDGEVLM_API_KEY to a secret of your choice, or pass --insecure if everybody may use this server.',
    });
  }
  const signal = untilTerminated(session.signal);
  const logger = serverLogger(options, session);
  const { parallel, maxQueue, deadline: deadline_ms } = options;
  const model = await openServedModel(options, { ...session, signal });
  const supervisor = await ModelSupervisor.start({ open: model.open, logger }, signal);
  const metrics = new InferenceMetrics(model.layers);
  const prometheus = new PrometheusMetrics();
  const limits = { ...DEFAULT_IMAGE_LIMITS, maxBytes: options.maxImageBytes, maxPixels: options.maxImagePixels };
  const preparePicture = pictureIntake(limits, model.runtime === 'engine');
  const service = new InferenceService({ supervisor, preparePicture, parallel, maxQueue, deadline_ms, observers: [metrics, prometheus] });
  const probe = systemProbe();
  const system = new SystemSampler(probe).start(SAMPLING_MS);
  try {
    const app = await buildApp({
      service,
      metrics,
      prometheus,
      system,
      benchmark: new BenchmarkRunner(service, { probe: systemProbe(), layers: model.layers }),
      modelNames: model.names,
      device: options.device ?? 'cpu',
      version: packageVersion(),
      limits: {
        imageBytes: options.maxImageBytes,
        images: options.maxImages,
        maxTokens: options.maxTokens,
        defaultTokens: Math.min(options.defaultTokens, options.maxTokens),
      },
      apiKeys,
      corsOrigins: options.corsOrigin,
      hostNames: loopback && apiKeys.length === 0 ? [...LOOPBACK_NAMES, hostInUrl(options.host)] : [],
      resultsFile: 'benchmarks/results.json',
      idempotency: new IdempotencyStore(),
      logger,
      capacity: parallel + maxQueue,
    });
    try {
      const url = await listen(app, options);
      logger.info('listening', { url, model: model.names[0], runtime: model.runtime, keys: apiKeys.length });
      session.terminal.result(
        { url, model: model.names[0], runtime: model.runtime },
        `${model.names[0]} is served at ${url} (${url}/docs)`,
      );
      await aborted(signal);
      logger.info('stopping: no more requests are taken, those that were taken are finished');
    } finally {
      await drain(app, service);
      logger.info('stopped');
    }
  } finally {
    system.stop();
    await supervisor.close();
  }
}

/** From the options and the environment, where several are separated by commas. */
function keysOf({ apiKey }: ServeOptions): string[] {
  const keys = [...apiKey, ...(process.env['EDGEVLM_API_KEY'] ?? '').split(',')].map((key) => key.trim()).filter((key) => key !== '');
  if (keys.some((key) => /\s/.test(key))) throw new EdgeVlmError('USAGE', 'an API key must not contain white space');
  return keys;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function hostInUrl(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host;
}

function serverLogger({ logFile, logLevel = 'info' }: ServeOptions, { terminal }: Session): Logger {
  const file = logFile === '' ? undefined : rotatingFileSink(logFile, LOG_BYTES);
  const level: LogLevel = logLevel;
  return new Logger({
    level,
    sink: (line) => {
      file?.(line);
      // With --json, standard output is for results.
      if (terminal.json) process.stderr.write(`${line}\n`);
      else terminal.write(`${line}\n`);
    },
  });
}

async function listen(app: Awaited<ReturnType<typeof buildApp>>, { host, port }: ServeOptions): Promise<string> {
  try {
    await app.listen({ host, port });
  } catch (cause) {
    throw new EdgeVlmError('USAGE', `cannot listen at ${hostInUrl(host)}:${port}: ${cause instanceof Error ? cause.message : ''}`, {
      cause,
      hint: 'Choose another --port or --host, or stop the program that listens there.',
    });
  }
  const address = app.server.address();
  return `http://${hostInUrl(host)}:${typeof address === 'object' && address !== null ? address.port : port}`;
}

/** Aborts at Ctrl-C and at what service managers send. */
function untilTerminated(interrupted: AbortSignal): AbortSignal {
  const terminated = new AbortController();
  process.once('SIGTERM', () => {
    terminated.abort();
  });
  return AbortSignal.any([interrupted, terminated.signal]);
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => {
    signal.addEventListener('abort', resolve, { once: true });
  });
}
