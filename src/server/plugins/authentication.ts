import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { EdgeVlmError } from '../../core/errors.js';
import type { App, ServerOptions } from '../server-options.js';

/** What a supervisor or load balancer asks, which tells nothing. */
const OPEN_ROUTES = new Set(['/health', '/live', '/ready']);

/** Lets in who has a key, where keys are asked for. Keys are compared by their hashes and in constant time. */
export function authenticate(app: App, { apiKeys }: Pick<ServerOptions, 'apiKeys'>): void {
  if (apiKeys.length === 0) return;
  const known = apiKeys.map(digest);
  app.addHook('onRequest', (request, _reply, done) => {
    if (request.method === 'OPTIONS' || OPEN_ROUTES.has(request.routeOptions.url ?? '')) {
      done();
      return;
    }
    const key = presentedKey(request);
    if (key === undefined) {
      done(new EdgeVlmError('UNAUTHORIZED', 'this server asks for an API key'));
      return;
    }
    const presented = digest(key);
    // All are looked at, so that the time says nothing of which was nearly right.
    const matches = known.filter((one) => timingSafeEqual(one, presented)).length;
    done(matches > 0 ? undefined : new EdgeVlmError('UNAUTHORIZED', 'the API key is not one of this server'));
  });
}

/** The key that a request carries: OpenAI's header, or the one of others. */
export function presentedKey({ headers }: Pick<FastifyRequest, 'headers'>): string | undefined {
  const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  const header = headers['x-api-key'];
  return bearer ?? (typeof header === 'string' && header !== '' ? header : undefined);
}

function digest(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
