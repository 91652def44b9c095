import rateLimitPlugin from '@fastify/rate-limit';
import { EdgeVlmError } from '../../core/errors.js';
import type { App, ServerOptions } from '../server-options.js';
import { scopeOf } from './authentication.js';

const WINDOW_MS = 60_000;
/** Clients that are remembered; the one that was silent longest is forgotten first, so many addresses take no more memory. */
const REMEMBERED = 10_000;

/**
 * Counts requests by the minute: of a key that is known, else of an address (IPv6: of its /64, which is one customer). Wrong keys count
 * for the address. What watches the server is not counted.
 */
export async function limitRate(app: App, { rateLimit: max }: Pick<ServerOptions, 'rateLimit'>): Promise<void> {
  if (max === undefined) return;
  await app.register(rateLimitPlugin, {
    global: false,
    max,
    timeWindow: WINDOW_MS,
    cache: REMEMBERED,
    keyGenerator: ({ access, ip }) => (access === null ? rateLimitPlugin.normalizeIP(ip) : access.client),
  });
  const count = app.createRateLimit();
  app.addHook('onRequest', async (request, reply) => {
    if (scopeOf(request) === 'open') return;
    const state = await count(request);
    if (state.isAllowed) return;
    void reply.header('x-ratelimit-limit', max).header('x-ratelimit-remaining', state.remaining);
    if (!state.isExceeded) return;
    void reply.header('retry-after', Math.max(1, state.ttlInSeconds));
    throw new EdgeVlmError('RATE_LIMITED', `more than ${max} requests in a minute`);
  });
}
