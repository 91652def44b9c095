import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { ErrorCode } from '../core/errors.js';
import type { InferenceObserver } from '../serving/inference-metrics.js';
import type { InferenceService } from '../serving/inference-service.js';
import type { ServedResult } from '../serving/served-result.js';
import type { SystemSampler } from '../serving/system-sampler.js';

const SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];

/** The figures of `GET /metrics/prometheus`. */
export class PrometheusMetrics implements InferenceObserver {
  readonly #registry = new Registry();
  readonly #inferences = this.#counter('edgevlm_inferences_total', 'Answers.');
  readonly #failures = new Counter({
    name: 'edgevlm_inference_failures_total',
    help: 'Requests that got no answer, by error code.',
    labelNames: ['code'],
    registers: [this.#registry],
  });
  readonly #requests = new Counter({
    name: 'edgevlm_http_requests_total',
    help: 'Requests by route and status.',
    labelNames: ['route', 'method', 'status'],
    registers: [this.#registry],
  });
  readonly #latency = this.#histogram('edgevlm_latency_seconds', 'From the request to the last token.');
  readonly #ttft = this.#histogram('edgevlm_ttft_seconds', 'From the request to the first token.');
  readonly #queue = this.#histogram('edgevlm_queue_wait_seconds', 'Waiting for a place among those that run.');
  readonly #tokens = this.#counter('edgevlm_tokens_total', 'New tokens.');
  readonly #promptTokens = this.#counter('edgevlm_prompt_tokens_total', 'Tokens of prompts, pictures included.');
  readonly #cachedTokens = this.#counter('edgevlm_cached_tokens_total', 'Tokens of prompts that were not computed again.');

  answered({ generated, serving }: ServedResult): void {
    this.#inferences.inc();
    this.#latency.observe(serving.total_ms / 1000);
    this.#ttft.observe(serving.ttft_ms / 1000);
    this.#queue.observe(serving.queue_ms / 1000);
    this.#tokens.inc(generated.completionTokens);
    this.#promptTokens.inc(generated.promptTokens ?? 0);
    this.#cachedTokens.inc(generated.cachedTokens ?? 0);
  }

  failed(code: ErrorCode): void {
    this.#failures.inc({ code });
  }

  requested(route: string, method: string, status: number): void {
    this.#requests.inc({ route, method, status });
  }

  /** The text and its media type. What the machine lacks is left out. */
  async render(service: InferenceService, system: SystemSampler): Promise<{ readonly text: string; readonly type: string }> {
    const { cpu_percent, memory_mb, temperature_celsius } = await system.figures();
    const { queue, quarantine, supervisor } = service;
    const momentary = new Registry();
    const gauge = (name: string, help: string, value: number | null): void => {
      if (value !== null) new Gauge({ name, help, registers: [momentary] }).set(value);
    };
    gauge('edgevlm_running_requests', 'Requests that run.', queue.running);
    gauge('edgevlm_waiting_requests', 'Requests that wait.', queue.waiting);
    gauge('edgevlm_model_ready', '1 while the model is loaded.', supervisor.state === 'ready' ? 1 : 0);
    gauge('edgevlm_engine_restarts', 'How often the model was loaded again.', supervisor.restarts);
    gauge('edgevlm_quarantined_pictures', 'Pictures that ended the engine twice.', quarantine.size);
    gauge('edgevlm_cpu_percent', 'Of all cores together.', cpu_percent);
    gauge('edgevlm_memory_bytes', 'Resident memory of the server and its model.', memory_mb === null ? null : memory_mb * 1024 * 1024);
    gauge('edgevlm_temperature_celsius', 'The hottest zone.', temperature_celsius);
    return { text: (await this.#registry.metrics()) + (await momentary.metrics()), type: this.#registry.contentType };
  }

  #counter(name: string, help: string): Counter {
    return new Counter({ name, help, registers: [this.#registry] });
  }

  #histogram(name: string, help: string): Histogram {
    return new Histogram({ name, help, buckets: SECONDS, registers: [this.#registry] });
  }
}
