import type { FastifyRequest } from 'fastify';
import { EdgeVlmError } from '../../core/errors.js';
import type { App, ServerOptions } from '../server-options.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the route runs the model: such requests are refused before their bodies are read when there is no room. */
    readonly inference?: boolean;
  }
}

/** Bodies hold pictures, so no more of them are taken in than may run and wait. */
export function boundIntake(app: App, { service, capacity }: Pick<ServerOptions, 'service'> & { readonly capacity: number }): void {
  let taken = 0;
  app.addHook('onRequest', (request: FastifyRequest, reply, done) => {
    if (request.routeOptions.config.inference !== true) {
      done();
      return;
    }
    if (service.isDraining) {
      done(new EdgeVlmError('SHUTTING_DOWN', 'the server is stopping'));
      return;
    }
    if (taken >= capacity) {
      // What was not read must not be taken for the connection's next request.
      void reply.header('connection', 'close');
      done(service.queue.refusal());
      return;
    }
    taken++;
    reply.raw.once('close', () => {
      taken--;
    });
    done();
  });
}
