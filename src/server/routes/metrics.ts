import { type Static, Type } from 'typebox';
import { BoardThrottling } from '../../core/probe.js';
import type { InferenceService } from '../../serving/inference-service.js';
import { MODEL_STATES } from '../../serving/served-model.js';
import { PLAIN_ERRORS } from '../schemas/error-schema.js';
import type { App, ServerOptions } from '../server-options.js';

const Figure = Type.Union([Type.Number(), Type.Null()]);
const Count = Type.Integer({ minimum: 0 });

/** Latencies are seconds; what is not known is null. */
export const InferenceMetricsSchema = Type.Object({
  total_inferences: Count,
  failed_inferences: Count,
  cancelled_inferences: Count,
  avg_latency: Figure,
  avg_ttft: Figure,
  avg_queue_wait: Figure,
  avg_tokens_per_second: Figure,
  early_exit_rate: Figure,
  acceptance_rate: Figure,
  total_drafted_tokens: Count,
  total_accepted_tokens: Count,
  total_early_exits: Count,
  layers_saved: Figure,
  prefix_cache_hits: Count,
  image_cache_hits: Count,
  reused_answers: Count,
  cache_bytes_used: Figure,
  cache_bytes_allocated: Figure,
  total_prompt_tokens: Count,
  total_cached_tokens: Count,
  total_tokens: Count,
});
/** null where the machine has no such sensor. */
export const SystemMetricsSchema = Type.Object({
  avg_cpu_percent: Figure,
  avg_memory_mb: Figure,
  avg_temperature_celsius: Figure,
  cpu_percent: Figure,
  memory_mb: Figure,
  peak_memory_mb: Figure,
  temperature_celsius: Figure,
  throttling: Type.Union([BoardThrottling, Type.Null()], { description: 'What slows a Raspberry Pi down; null on other machines.' }),
});
const Metrics = Type.Object(
  {
    inference_metrics: InferenceMetricsSchema,
    system_metrics: SystemMetricsSchema,
    queue: Type.Object({
      running: Count,
      waiting: Count,
      superseded: Type.Integer({ minimum: 0, description: 'Requests whose place a newer one of the same source took.' }),
      pauses: Type.Integer({ minimum: 0, description: 'Between inferences, to cool down (--pause).' }),
      paused_seconds: Type.Number({ minimum: 0, description: 'Time in which no inference might begin for that.' }),
    }),
    engine: Type.Object({ restarts: Count, quarantined_pictures: Count }),
    models: Type.Array(
      Type.Object({
        name: Type.String(),
        state: Type.Enum([...MODEL_STATES]),
        restarts: Count,
        planned_bytes: Type.Union([Count, Type.Null()]),
        running: Count,
        waiting: Count,
      }),
    ),
  },
  { description: 'Since the server was started; text for Prometheus where Accept asks for text/plain or OpenMetrics.' },
);

/** `GET /metrics`, as JSON or for Prometheus, and `GET /metrics/prometheus`. */
export function metricsRoutes(app: App, { service, metrics, prometheus, system }: ServerOptions): void {
  app.get(
    '/metrics',
    {
      config: { scope: 'metrics' },
      schema: {
        summary: 'Figures since the server was started: JSON, or Prometheus text where the Accept header prefers it',
        operationId: 'metrics',
        tags: ['State'],
        produces: ['application/json', 'text/plain'],
        response: { 200: Metrics, ...PLAIN_ERRORS },
      },
    },
    async ({ headers }, reply) => {
      if (prefersPrometheus(headers.accept)) {
        const { text, type } = await prometheus.render(service, system);
        return reply.type(type).send(text as never);
      }
      const models = service.models.all;
      return {
        inference_metrics: metrics.figures(),
        system_metrics: await system.figures(),
        queue: queueFigures(service),
        engine: { restarts: models.reduce((sum, { restarts }) => sum + restarts, 0), quarantined_pictures: service.quarantine.size },
        models: models.map(({ name, state, restarts, bytes, queue: { running, waiting } }) => ({
          ...{ name, state, restarts, planned_bytes: bytes, running, waiting },
        })),
      };
    },
  );
  app.get(
    '/metrics/prometheus',
    {
      config: { scope: 'metrics' },
      schema: {
        summary: 'The same figures for Prometheus',
        operationId: 'prometheus',
        tags: ['State'],
        produces: ['text/plain'],
        response: { 200: Type.String({ description: 'Prometheus text format 0.0.4.' }), ...PLAIN_ERRORS },
      },
    },
    async (_, reply) => {
      const { text, type } = await prometheus.render(service, system);
      return reply.type(type).send(text);
    },
  );
}

function queueFigures({ queue: { running, waiting, superseded, pause } }: InferenceService): Static<typeof Metrics>['queue'] {
  return { running, waiting, superseded, pauses: pause?.count ?? 0, paused_seconds: (pause?.total_ms ?? 0) / 1000 };
}

/** Prometheus names its formats first; browsers, curl and fetch take JSON as anything. */
function prefersPrometheus(accept = ''): boolean {
  const types = accept.split(',').map((type) => type.split(';')[0]?.trim().toLowerCase());
  const text = types.findIndex((type) => type === 'text/plain' || type === 'application/openmetrics-text');
  const json = types.findIndex((type) => type === 'application/json');
  return text >= 0 && (json < 0 || text < json);
}
