import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { ErrorCode } from '../core/errors.js';
import { BYTES_PER_MB } from '../core/units.js';
import { earlyExits, type InferenceObserver } from '../serving/inference-metrics.js';
import type { InferenceService } from '../serving/inference-service.js';
import type { ServedModel } from '../serving/served-model.js';
import type { ServedResult } from '../serving/served-result.js';
import type { SystemSampler } from '../serving/system-sampler.js';

const SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];

/** The figures of `GET /metrics/prometheus`. */
export class PrometheusMetrics implements InferenceObserver {
  readonly #registry = new Registry();
  readonly #inferences = this.#counter('edgevlm_inferences_total', 'Answers.');
  readonly #failures = new Counter({
    name: 'edgevlm_inference_failures_total',
    help: 'Requests that got no answer, by error code; of no model where the request named none that is loaded.',
    labelNames: ['code', 'model'],
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

  readonly #drafted = this.#counter('edgevlm_drafted_tokens_total', 'Tokens guessed ahead.');
  readonly #judged = this.#counter('edgevlm_judged_tokens_total', 'Guesses that were looked at; acceptance is accepted by judged.');
  readonly #accepted = this.#counter('edgevlm_accepted_tokens_total', 'Guesses that were right.');
  readonly #earlyExits = this.#counter('edgevlm_early_exits_total', 'Tokens that left the model before its last layer.');
  readonly #layers = this.#counter('edgevlm_layers_total', "Layers' worth of weights read where tokens may leave early.");
  readonly #allLayers = this.#counter('edgevlm_full_layers_total', 'The same without exits.');
  readonly #prefixHits = this.#counter('edgevlm_prefix_cache_hits_total', 'Answers whose prompt began as an earlier one.');
  readonly #imageHits = this.#counter('edgevlm_image_cache_hits_total', 'Tiles of pictures that were not encoded again.');
  readonly #reused = this.#counter('edgevlm_reused_answers_total', 'Answers about earlier pictures, given again.');
  readonly #cacheUsed = this.#gauge('edgevlm_cache_bytes_used', 'Keys and values of all prompts after the newest answer.');
  readonly #cacheAllocated = this.#gauge('edgevlm_cache_bytes_allocated', 'Memory for keys and values.');

  answered({ generated, serving, name: model, layers, model: { cacheBytes }, reused }: ServedResult): void {
    const of = { model };
    this.#inferences.inc(of);
    this.#latency.observe(of, serving.total_ms / 1000);
    this.#ttft.observe(of, serving.ttft_ms / 1000);
    this.#queue.observe(of, serving.queue_ms / 1000);
    if (reused !== undefined) {
      this.#reused.inc(of);
      return;
    }
    this.#tokens.inc(of, generated.completionTokens);
    this.#promptTokens.inc(of, generated.promptTokens ?? 0);
    this.#cachedTokens.inc(of, generated.cachedTokens ?? 0);
    this.#prefixHits.inc(of, (generated.cachedTokens ?? 0) > 0 ? 1 : 0);
    this.#imageHits.inc(of, generated.cachedTiles ?? 0);
    if (generated.totalCacheBytes !== undefined) this.#cacheUsed.set(of, generated.totalCacheBytes);
    if (cacheBytes !== null) this.#cacheAllocated.set(of, cacheBytes);
    const { decoding } = generated;
    if (decoding === undefined) return;
    this.#drafted.inc(of, decoding.drafted);
    this.#judged.inc(of, decoding.judged);
    this.#accepted.inc(of, decoding.accepted);
    this.#earlyExits.inc(of, earlyExits(decoding, layers));
    this.#layers.inc(of, decoding.layerEquivalents);
    this.#allLayers.inc(of, decoding.fullLayerEquivalents);
  }

  failed(code: ErrorCode, model: string | null): void {
    this.#failures.inc({ code, model: model ?? '' });
  }

  requested(route: string, method: string, status: number): void {
    this.#requests.inc({ route, method, status });
  }

  /** The text and its media type. What the machine lacks is left out. */
  async render(service: InferenceService, system: SystemSampler): Promise<{ readonly text: string; readonly type: string }> {
    const { cpu_percent, memory_mb, temperature_celsius, throttling } = await system.figures();
    const { models, quarantine, queue } = service;
    const momentary = new Registry();
    const gauge = (name: string, help: string, value: number | null): void => {
      if (value !== null) new Gauge({ name, help, registers: [momentary] }).set(value);
    };
    const rows = modelRows(models.all);
    const gauges = (name: string, help: string, valueOf: (row: ModelRow) => number | null): void => {
      const perModel = new Gauge({ name, help, labelNames: ['model'], registers: [momentary] });
      for (const row of rows) {
        const value = valueOf(row);
        if (value !== null) perModel.set({ model: row.name }, value);
      }
    };
    gauges('edgevlm_running_requests', 'Requests that run.', ({ running }) => running);
    gauges('edgevlm_waiting_requests', 'Requests that wait.', ({ waiting }) => waiting);
    gauges('edgevlm_model_ready', '1 while the model is loaded.', ({ ready }) => (ready ? 1 : 0));
    gauges('edgevlm_model_bytes', 'Memory that the model was planned to take.', ({ bytes }) => bytes);
    gauges('edgevlm_engine_restarts', 'How often the model was loaded again.', ({ restarts }) => restarts);
    gauge('edgevlm_quarantined_pictures', 'Pictures that ended the engine twice.', quarantine.size);
    gauge('edgevlm_paused_seconds', 'Time in which no inference might begin, to cool down.', (queue.pause?.total_ms ?? 0) / 1000);
    gauge('edgevlm_cpu_percent', 'Of all cores together.', cpu_percent);
    gauge('edgevlm_memory_bytes', 'Resident memory of the server and its model.', memory_mb === null ? null : memory_mb * BYTES_PER_MB);
    gauge('edgevlm_temperature_celsius', 'The hottest zone.', temperature_celsius);
    if (throttling !== null) {
      const help = 'What slows a Raspberry Pi down, 0 or 1.';
      const board = new Gauge({ name: 'edgevlm_board_throttling', help, labelNames: ['condition'], registers: [momentary] });
      for (const [condition, holds] of Object.entries(throttling)) board.set({ condition }, holds ? 1 : 0);
    }
    return { text: (await this.#registry.metrics()) + (await momentary.metrics()), type: this.#registry.contentType };
  }

  #counter(name: string, help: string): Counter<'model'> {
    return new Counter({ name, help, labelNames: ['model'], registers: [this.#registry] });
  }

  #gauge(name: string, help: string): Gauge<'model'> {
    return new Gauge({ name, help, labelNames: ['model'], registers: [this.#registry] });
  }

  #histogram(name: string, help: string): Histogram<'model'> {
    return new Histogram({ name, help, labelNames: ['model'], buckets: SECONDS, registers: [this.#registry] });
  }
}

interface ModelRow {
  readonly name: string;
  readonly ready: boolean;
  readonly running: number;
  readonly waiting: number;
  readonly restarts: number;
  readonly bytes: number | null;
}

/** One of each name: while a model is exchanged two go by it, and their figures are added up. */
function modelRows(models: readonly ServedModel[]): ModelRow[] {
  const rows = new Map<string, ModelRow>();
  for (const { name, state, queue, restarts, bytes } of models) {
    const row = rows.get(name);
    rows.set(name, {
      name,
      ready: state === 'ready' || row?.ready === true,
      running: queue.running + (row?.running ?? 0),
      waiting: queue.waiting + (row?.waiting ?? 0),
      restarts: restarts + (row?.restarts ?? 0),
      bytes: bytes === null ? (row?.bytes ?? null) : bytes + (row?.bytes ?? 0),
    });
  }
  return [...rows.values()];
}
