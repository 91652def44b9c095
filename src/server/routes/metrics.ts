import { Type } from 'typebox';
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
});
const Metrics = Type.Object(
  {
    inference_metrics: InferenceMetricsSchema,
    system_metrics: SystemMetricsSchema,
    queue: Type.Object({ running: Count, waiting: Count }),
    engine: Type.Object({ restarts: Count, quarantined_pictures: Count }),
  },
  { description: 'Since the server was started; text for Prometheus where Accept asks for text/plain or OpenMetrics.' },
);

/** `GET /metrics`, as JSON or for Prometheus, and `GET /metrics/prometheus`. */
export function metricsRoutes(app: App, { service, metrics, prometheus, system }: ServerOptions): void {
  app.get(
    '/metrics',
    {
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
      return {
        inference_metrics: metrics.figures(),
        system_metrics: await system.figures(),
        queue: { running: service.queue.running, waiting: service.queue.waiting },
        engine: { restarts: service.supervisor.restarts, quarantined_pictures: service.quarantine.size },
      };
    },
  );
  app.get(
    '/metrics/prometheus',
    {
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

/** Prometheus names its formats first; browsers, curl and fetch take JSON as anything. */
function prefersPrometheus(accept = ''): boolean {
  const types = accept.split(',').map((type) => type.split(';')[0]?.trim().toLowerCase());
  const text = types.findIndex((type) => type === 'text/plain' || type === 'application/openmetrics-text');
  const json = types.findIndex((type) => type === 'application/json');
  return text >= 0 && (json < 0 || text < json);
}
