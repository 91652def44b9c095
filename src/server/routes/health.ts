import { Type } from 'typebox';
import { errorBody } from '../error-body.js';
import { ErrorAnswer } from '../schemas/error-schema.js';
import type { App, ServerOptions } from '../server-options.js';
import { EdgeVlmError } from '../../core/errors.js';

const Health = Type.Object(
  {
    status: Type.Enum(['healthy', 'degraded', 'stopping']),
    version: Type.String(),
    uptime_s: Type.Number({ minimum: 0 }),
    model: Type.Object({
      name: Type.String(),
      state: Type.Enum(['ready', 'restarting', 'stopped']),
      loaded: Type.Boolean(),
      restarts: Type.Integer({ minimum: 0 }),
    }),
    device: Type.Object({ name: Type.String(), status: Type.Enum(['ok', 'unavailable']) }),
    queue: Type.Object({ running: Type.Integer({ minimum: 0 }), waiting: Type.Integer({ minimum: 0 }) }),
  },
  { description: 'How the server is.' },
);
const Live = Type.Object({ status: Type.Literal('alive') });
const Ready = Type.Object({ status: Type.Literal('ready') });

/** `GET /health`, `/live` and `/ready`: for people, for what restarts the server, and for what sends it requests. */
export function healthRoutes(app: App, { service, modelNames, device, version }: ServerOptions): void {
  const start = performance.now();
  app.get(
    '/health',
    {
      schema: {
        summary: 'State of server, model and device; 503 while the model is not loaded',
        operationId: 'health',
        tags: ['State'],
        response: { 200: Health, 503: Health },
      },
    },
    (_, reply) => {
      const { state, restarts } = service.supervisor;
      const loaded = state === 'ready';
      const status = service.isDraining ? 'stopping' : loaded ? 'healthy' : 'degraded';
      void reply.status(status === 'healthy' ? 200 : 503).send({
        status,
        version,
        uptime_s: (performance.now() - start) / 1000,
        model: { name: modelNames[0], state, loaded, restarts },
        device: { name: device, status: loaded ? 'ok' : 'unavailable' },
        queue: { running: service.queue.running, waiting: service.queue.waiting },
      });
    },
  );
  app.get(
    '/live',
    { schema: { summary: 'Whether the server answers at all', operationId: 'live', tags: ['State'], response: { 200: Live } } },
    () => ({ status: 'alive' as const }),
  );
  app.get(
    '/ready',
    {
      schema: {
        summary: 'Whether requests would be answered now',
        operationId: 'ready',
        tags: ['State'],
        response: { 200: Ready, 503: ErrorAnswer },
      },
    },
    (_, reply) => {
      const { state } = service.supervisor;
      if (state === 'ready' && !service.isDraining) {
        void reply.send({ status: 'ready' as const });
        return;
      }
      const error = service.isDraining
        ? new EdgeVlmError('SHUTTING_DOWN', 'the server is stopping')
        : new EdgeVlmError('ENGINE_CRASHED', 'the model is being loaded again');
      void reply.status(503).header('retry-after', 1).send(errorBody(error));
    },
  );
}
