import { GeneratorWatch } from '../../bench/load/generator-watch.js';
import { describeEnvironment } from '../../bench/probes/environment.js';
import { ResourceSampler } from '../../bench/probes/resources/resource-sampler.js';
import { ThermalProbe } from '../../bench/probes/thermal.js';
import { serveFigures, type ServeFigures } from '../../bench/scenarios/serve/serve-figures.js';
import { serveSamples, serveScores } from '../../bench/scenarios/serve/serve-samples.js';
import { runServeScenario, serveCounts, type ServeResult } from '../../bench/scenarios/serve/serve-scenario.js';
import { loadName } from '../../bench/scenarios/serve/serve-target.js';
import { serveVerdicts } from '../../bench/scenarios/serve/serve-verdicts.js';
import { EdgeVlmError } from '../../core/errors.js';
import type { Generator } from '../../core/generator.js';
import { ProgressTask, type Progress } from '../../core/progress.js';
import { redact } from '../../core/redact.js';
import type { Measurement } from '../../core/run-record.js';
import { openServeTargets } from './open-serve-targets.js';
import { ServePictures } from './serve-pictures.js';
import type { ServeRequest } from './serve-request.js';

export interface MeasureServeOptions {
  readonly onProgress: Progress;
  /** Loads the request's model in this process; absent where that is not measured. */
  readonly openInProcess?: () => Promise<Generator>;
  readonly signal: AbortSignal;
}

export interface MeasuredServe {
  readonly result: ServeResult;
  readonly figures: ServeFigures;
  readonly measurement: Measurement;
}

/**
 * Draws the pictures, connects to the servers or starts them, measures, and ends what it started.
 * @throws as `ServePictures.open`, `openServeTargets` and `runServeScenario`; CANCELLED where not one load was finished
 */
export async function measureServe(
  request: ServeRequest,
  { onProgress, openInProcess, signal }: MeasureServeOptions,
): Promise<MeasuredServe> {
  const environment = await describeEnvironment();
  const overheadPictures = openInProcess === undefined ? 0 : request.overheadPictures;
  const amounts = { ...request, overheadPictures };
  const sides = request.vs === undefined ? request.urls.length : 2;
  const counts = serveCounts(amounts, sides);
  const pictures = await ServePictures.open({
    ...{ count: counts.pictures, side: request.side, seed: request.seed, progress: onProgress, signal },
    ...(request.pictures !== undefined && { folder: request.pictures }),
  });
  let inProcess: Generator | undefined;
  try {
    const opened = await openServeTargets(request, signal);
    try {
      inProcess = overheadPictures > 0 ? await openInProcess?.() : undefined;
      const thermal = new ThermalProbe();
      const before = await thermal.read();
      const sampler = ResourceSampler.start({ pids: opened.pids });
      const watch = new GeneratorWatch();
      const task = new ProgressTask(onProgress, { label: 'measure', unit: 'requests', total: counts.answers });
      const result = await runServeScenario({
        ...amounts,
        ...(inProcess !== undefined && { inProcess }),
        targets: opened.targets,
        picture: (index) => pictures.read(index),
        watch,
        onAnswer: () => {
          task.advance();
        },
        signal,
      }).finally(() => {
        task.end();
      });
      const audit = watch.stop();
      const memory = opened.pids().length === 0 ? {} : { 'server:after': await sampler.memory() };
      const resources = await sampler.stop();
      if (result.blocks.length === 0) throw new EdgeVlmError('CANCELLED', 'stopped before the first load was finished');
      const figures = serveFigures(result, request.seed);
      const requested = settingsOf(request);
      return {
        result,
        figures,
        measurement: {
          command: 'bench serve',
          settings: { requested, effective: { ...requested, server: opened.names[0] ?? null, peer: opened.names[1] ?? null } },
          seeds: { bench: request.seed },
          models: opened.models,
          dataset: { name: pictures.name, sha256: pictures.sha256, items: pictures.count },
          environment,
          thermal: { before, after: await thermal.read(), during: [...resources.thermal] },
          memory,
          resources: resources.use,
          generator: audit,
          samples: serveSamples(result),
          scores: serveScores(figures, result),
          verdicts: serveVerdicts(result),
          notes: [
            ...(result.partial ? ['Stopped before all was measured; unfinished loads are left out.'] : []),
            ...new Set(opened.targets.flatMap(({ generator }) => generator.description.warnings)),
            ...NOTES,
          ],
        },
      };
    } finally {
      await inProcess?.close();
      await opened.close();
    }
  } finally {
    await pictures.close();
  }
}

function settingsOf(request: ServeRequest): Measurement['settings']['requested'] {
  return {
    server: request.urls[0] === undefined ? null : redact(request.urls[0]),
    peer: request.vs ?? (request.urls[1] === undefined ? null : redact(request.urls[1])),
    loads: request.loads.map(loadName).join(','),
    requests: request.requests,
    rounds: request.rounds,
    warmup: request.warmup,
    max_tokens: request.maxTokens,
    second_questions: request.secondQuestions,
    evict_with: request.evictWith,
    stall_pictures: request.stallPictures,
    stall_tokens: request.stallTokens,
    overhead_pictures: request.overheadPictures,
    threads: request.threads ?? null,
    context: request.context ?? null,
    parallel: request.vs === undefined ? null : request.parallel,
    cache_ram_mb: request.cacheRam ?? null,
    peer_cache_ram_mib: request.peerCacheRam ?? null,
    side: request.pictures === undefined ? request.side : null,
    timeout_s: request.timeout_ms / 1000,
  };
}

/** How every figure came about. */
const NOTES = [
  'TTFT, latency: by the clock of this process, from the call (open loop: from the scheduled start) to the first text and to the end of the stream. Ratios above 1 say that the server is better than its peer.',
  'Every request has a picture of its own, the same for both servers, unless it is a second question. docs/BENCHMARKS.md has every formula.',
];
