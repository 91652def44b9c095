import type { Command } from 'commander';
import { EdgeVlmError } from '../../core/errors.js';
import { Logger, type LogLevel } from '../../core/logger.js';
import { buildApp } from '../../server/build-app.js';
import { drain } from '../../server/drain.js';
import { IdempotencyStore } from '../../server/idempotency.js';
import { PrometheusMetrics } from '../../server/prometheus-metrics.js';
import { BenchmarkRunner } from '../../serving/benchmark-runner.js';
import { CoolingPause } from '../../serving/cooling-pause.js';
import { InferenceMetrics } from '../../serving/inference-metrics.js';
import { InferenceService } from '../../serving/inference-service.js';
import type { PictureIntake } from '../../serving/picture-intake.js';
import { SystemSampler } from '../../serving/system-sampler.js';
import { DEFAULT_IMAGE_LIMITS } from '../../vision/intake/image-limits.js';
import { addCacheOptions } from '../options/cache-options.js';
import { addConfigOption, type ConfigOptions } from '../options/config-option.js';
import { addDecodingOptions } from '../options/decoding-options.js';
import { addOutputOptions, type OutputOptions } from '../options/output-options.js';
import { addSamplingOptions, type SamplingFlags, samplingOptions } from '../options/sampling-options.js';
import { addServedModelOptions, type ServedModelsOptions } from '../options/served-model-options.js';
import { addServerOptions, type ListenOptions } from '../options/server-options.js';
import { packageVersion } from '../package-version.js';
import { hostInUrl } from '../serve/host-in-url.js';
import { openAccess } from '../serve/open-access.js';
import { openModels } from '../serve/open-models.js';
import { openQuarantine } from '../serve/open-quarantine.js';
import type { ServedModelOptions } from '../serve/open-served-model.js';
import { pictureIntake } from '../serve/prepare-picture.js';
import { rotatingFileSink } from '../serve/rotating-file-sink.js';
import { systemProbe } from '../serve/system-probe.js';
import type { Session } from '../session.js';

type ServeOptions = Omit<ServedModelOptions, 'intake'> &
  ServedModelsOptions &
  ListenOptions &
  OutputOptions &
  SamplingFlags &
  ConfigOptions;

const LOG_BYTES = 10_000_000;
const SAMPLING_MS = 5000;

/** `edgevlm serve` */
export function serve(program: Command, session: Session): void {
  const command = program
    .command('serve')
    .description('Serve captions and answers over HTTP, for this machine unless told otherwise. docs/SERVER.md shows how to call it.');
  addOutputOptions(addSamplingOptions(addCacheOptions(addDecodingOptions(addServedModelOptions(addServerOptions(command))))));
  addConfigOption(command, session).action((options: ServeOptions) => runServer(options, session));
}

async function runServer(options: ServeOptions, session: Session): Promise<void> {
  const signal = untilTerminated(session.signal);
  const logger = serverLogger(options, session);
  const { configWarnings: warnings = [] } = options;
  for (const warning of warnings) logger.warn(warning);
  const access = await openAccess(options, logger);
  const { parallel, maxQueue, deadline: deadline_ms } = options;
  const limits = { ...DEFAULT_IMAGE_LIMITS, maxBytes: options.maxImageBytes, maxPixels: options.maxImagePixels };
  const intake = (isEngine: boolean): PictureIntake => pictureIntake(limits, isEngine);
  const quarantine = await openQuarantine(options, logger);
  const system = new SystemSampler(systemProbe()).start(SAMPLING_MS);
  const pause = coolingPause(options, system);
  const { pool: models, shelf, start } = await openModels({ ...options, intake, cooling: pause }, logger, { ...session, signal });
  const metrics = new InferenceMetrics();
  const prometheus = new PrometheusMetrics();
  const service = new InferenceService({
    models,
    quarantine,
    deadline_ms,
    reuseSimilar: options.reuseAnswers,
    observers: [metrics, prometheus],
    ...access,
  });
  try {
    await start();
    const app = await buildApp({
      service,
      metrics,
      prometheus,
      system,
      benchmark: new BenchmarkRunner(service, { probe: systemProbe() }),
      shelf,
      device: options.device ?? 'cpu',
      version: packageVersion(),
      limits: {
        imageBytes: options.maxImageBytes,
        images: options.maxImages,
        maxTokens: options.maxTokens,
        defaultTokens: Math.min(options.defaultTokens, options.maxTokens),
        defaultSampling: samplingOptions(options),
      },
      warnings,
      ...access,
      resultsFile: 'benchmarks/results.json',
      idempotency: new IdempotencyStore(),
      logger,
      capacity: parallel + maxQueue,
    });
    try {
      const url = await listen(app, options);
      const model = models.nameOf();
      const { runtime } = models.answeringAs(model).source;
      logger.info('listening', { url, model, runtime, keys: access.keys.size });
      session.terminal.result({ url, model, runtime }, `${model} is served at ${url} (${url}/docs)`);
      await aborted(signal);
      logger.info('stopping: no more requests are taken, those that were taken are finished');
    } finally {
      await drain(app, service);
      logger.info('stopped');
    }
  } finally {
    system.stop();
    await models.close();
  }
}

/** @throws USAGE for a temperature without a pause */
function coolingPause({ pause: pause_ms, pauseAbove: above_celsius }: ServeOptions, system: SystemSampler): CoolingPause | undefined {
  if (pause_ms === 0 && above_celsius !== undefined) throw new EdgeVlmError('USAGE', '--pause-above needs --pause');
  if (pause_ms === 0) return undefined;
  return new CoolingPause({
    pause_ms,
    ...(above_celsius !== undefined && { above_celsius }),
    temperature: () => system.temperature_celsius,
  });
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

async function listen(app: Awaited<ReturnType<typeof buildApp>>, { host, port, tlsCert }: ServeOptions): Promise<string> {
  try {
    await app.listen({ host, port });
  } catch (cause) {
    throw new EdgeVlmError('USAGE', `cannot listen at ${hostInUrl(host)}:${port}: ${cause instanceof Error ? cause.message : ''}`, {
      cause,
      hint: 'Choose another --port or --host, or stop the program that listens there.',
    });
  }
  const address = app.server.address();
  return `${tlsCert === undefined ? 'http' : 'https'}://${hostInUrl(host)}:${typeof address === 'object' && address !== null ? address.port : port}`;
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
