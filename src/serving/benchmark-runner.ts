import { EdgeVlmError } from '../core/errors.js';
import { percentile } from '../core/percentiles.js';
import { InferenceMetrics, type InferenceFigures } from './inference-metrics.js';
import type { Caller, InferenceService } from './inference-service.js';
import type { ServedRequest } from './served-request.js';
import { type SystemFigures, type SystemProbe, SystemSampler } from './system-sampler.js';

export type BenchmarkTask = 'caption' | 'vqa';

export interface BenchmarkRequest {
  readonly task_type: BenchmarkTask;
  readonly num_runs: number;
  readonly request: ServedRequest;
}

/** The seed's result format; latencies are seconds. */
export interface BenchmarkResults {
  readonly task_type: BenchmarkTask;
  readonly num_runs: number;
  readonly avg_latency: number;
  readonly p50_latency: number;
  readonly p90_latency: number;
  readonly p95_latency: number;
  readonly p99_latency: number;
  readonly min_latency: number;
  readonly max_latency: number;
  /** Every run's, in order. */
  readonly latencies: number[];
  readonly inference_metrics: InferenceFigures;
  readonly system_metrics: SystemFigures;
  readonly model: string;
  readonly precision: string;
  /** Optimisations in force that may change the answer. */
  readonly lossy: string[];
  /** When it began, ISO 8601. */
  readonly time: string;
}

export interface BenchmarkProgress {
  readonly run: number;
  readonly num_runs: number;
  /** Seconds. */
  readonly latency: number;
}

const SAMPLING_MS = 250;

/** Runs one request many times, one after the other, through the same queue as everybody's. One benchmark at a time. */
export class BenchmarkRunner {
  #running = false;

  constructor(
    private readonly service: InferenceService,
    private readonly options: { readonly probe: SystemProbe },
  ) {}

  /**
   * Yields after every run and returns the results. Nothing is taken from earlier prompts, so every run does all of the work.
   * @throws BENCHMARK_BUSY while another runs; as `InferenceService.run`
   */
  async *run(benchmark: BenchmarkRequest, caller: Caller): AsyncGenerator<BenchmarkProgress, BenchmarkResults, void> {
    if (this.#running) throw new EdgeVlmError('BENCHMARK_BUSY', 'another benchmark runs');
    this.#running = true;
    const sampler = new SystemSampler(this.options.probe).start(SAMPLING_MS);
    try {
      const time = new Date().toISOString();
      const metrics = new InferenceMetrics();
      const { num_runs, task_type, request } = benchmark;
      const latencies: number[] = [];
      let lossy: string[] = [];
      let [model, precision] = ['', ''];
      for (let run = 1; run <= num_runs; run++) {
        const result = await this.service.answer({ ...request, reuse: false }, caller);
        metrics.answered(result);
        lossy = [...(result.generated.lossy ?? [])];
        ({ name: model, precision } = result.model);
        const latency = result.serving.total_ms / 1000;
        latencies.push(latency);
        yield { run, num_runs, latency };
      }
      await sampler.sample();
      const system_metrics = await sampler.figures();
      return {
        task_type,
        num_runs,
        ...summary(latencies),
        inference_metrics: metrics.figures(),
        system_metrics,
        model,
        precision,
        lossy,
        time,
      };
    } finally {
      sampler.stop();
      this.#running = false;
    }
  }
}

function summary(
  latencies: number[],
): Omit<BenchmarkResults, 'task_type' | 'num_runs' | 'inference_metrics' | 'system_metrics' | 'model' | 'precision' | 'lossy' | 'time'> {
  const sorted = [...latencies].sort((a, b) => a - b);
  const at = (p: number): number => percentile(sorted, p).value;
  return {
    avg_latency: sorted.reduce((sum, latency) => sum + latency, 0) / sorted.length,
    p50_latency: at(0.5),
    p90_latency: at(0.9),
    p95_latency: at(0.95),
    p99_latency: at(0.99),
    min_latency: at(0),
    max_latency: at(1),
    latencies,
  };
}
