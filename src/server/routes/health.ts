import { Type } from 'typebox';
import { MODEL_STATES } from '../../serving/served-model.js';
import { errorBody } from '../error-body.js';
import { ErrorAnswer } from '../schemas/error-schema.js';
import type { App, ServerOptions } from '../server-options.js';
import { EdgeVlmError } from '../../core/errors.js';

const Model = Type.Object({
  name: Type.String(),
  state: Type.Enum([...MODEL_STATES]),
  loaded: Type.Boolean(),
  restarts: Type.Integer({ minimum: 0 }),
});
const Health = Type.Object(
  {
    status: Type.Enum(['healthy', 'degraded', 'stopping']),
    version: Type.String(),
    uptime_s: Type.Number({ minimum: 0 }),
    model: Type.Union([Model, Type.Null()], { description: 'The one that answers where a request names none; null while none is loaded.' }),
    models: Type.Array(Model),
    device: Type.Object({ name: Type.String(), status: Type.Enum(['ok', 'unavailable']) }),
    queue: Type.Object({ running: Type.Integer({ minimum: 0 }), waiting: Type.Integer({ minimum: 0 }) }),
  },
  { description: 'How the server is.' },
);
const Live = Type.Object({ status: Type.Literal('alive') });
const Ready = Type.Object({ status: Type.Literal('ready') });

/** `GET /health`, `/live` and `/ready`: for people, for what restarts the server, and for what sends it requests. */
export function healthRoutes(app: App, { service, device, version }: ServerOptions): void {
  const start = performance.now();
  app.get(
    '/health',
    {
      config: { scope: 'open' },
      schema: {
        summary: 'State of server, models and device; 503 while no model answers, `degraded` while one of them does not',
        operationId: 'health',
        tags: ['State'],
        response: { 200: Health, 503: Health },
      },
    },
    (_, reply) => {
      const models = service.models.all.map(({ name, state, restarts }) => ({ name, state, loaded: state === 'ready', restarts }));
      const loaded = models.some((model) => model.loaded);
      const isWhole = loaded && models.every(({ state }) => state !== 'restarting');
      const status = service.isDraining ? 'stopping' : isWhole ? 'healthy' : 'degraded';
      void reply.status(loaded && !service.isDraining ? 200 : 503).send({
        status,
        version,
        uptime_s: (performance.now() - start) / 1000,
        model: models[0] ?? null,
        models,
        device: { name: device, status: loaded ? 'ok' : 'unavailable' },
        queue: { running: service.queue.running, waiting: service.queue.waiting },
      });
    },
  );
  app.get(
    '/live',
    {
      config: { scope: 'open' },
      schema: { summary: 'Whether the server answers at all', operationId: 'live', tags: ['State'], response: { 200: Live } },
    },
    () => ({ status: 'alive' as const }),
  );
  app.get(
    '/ready',
    {
      config: { scope: 'open' },
      schema: {
        summary: 'Whether requests would be answered now',
        operationId: 'ready',
        tags: ['State'],
        response: { 200: Ready, 503: ErrorAnswer },
      },
    },
    (_, reply) => {
      if (service.models.all.some(({ state }) => state === 'ready') && !service.isDraining) {
        void reply.send({ status: 'ready' as const });
        return;
      }
      const error = service.isDraining
        ? new EdgeVlmError('SHUTTING_DOWN', 'the server is stopping')
        : new EdgeVlmError('ENGINE_CRASHED', 'no model is loaded; those that were are being loaded again');
      void reply.status(503).header('retry-after', 1).send(errorBody(error));
    },
  );
}
