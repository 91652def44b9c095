import { EdgeVlmError } from '../../core/errors.js';
import type { App, ServerOptions } from '../server-options.js';

const ALLOWED_HEADERS = 'authorization, content-type, x-api-key, x-deadline-ms, x-request-id, idempotency-key';

/**
 * Pages of other origins are refused unless they are allowed: a browser on this machine would otherwise post pictures and read
 * answers for any page it shows. The Host header is checked too, where there are no keys, against names made to mean this machine.
 */
export function checkOrigins(app: App, { corsOrigins, hostNames }: Pick<ServerOptions, 'corsOrigins' | 'hostNames'>): void {
  app.addHook('onRequest', (request, reply, done) => {
    const { origin, host } = request.headers;
    if (hostNames.length > 0 && !hostNames.includes(hostName(host ?? ''))) {
      done(new EdgeVlmError('ORIGIN_REFUSED', 'this server does not go by the name in the Host header'));
      return;
    }
    if (origin === undefined || isOwn(origin, host)) {
      done();
      return;
    }
    if (!corsOrigins.includes('*') && !corsOrigins.includes(origin)) {
      done(new EdgeVlmError('ORIGIN_REFUSED', 'pages of other origins may not use this server'));
      return;
    }
    void reply
      .header('access-control-allow-origin', corsOrigins.includes('*') ? '*' : origin)
      .header('access-control-expose-headers', 'x-request-id, retry-after')
      .header('vary', 'origin');
    if (request.method !== 'OPTIONS') {
      done();
      return;
    }
    void reply
      .header('access-control-allow-methods', 'GET, POST')
      .header('access-control-allow-headers', ALLOWED_HEADERS)
      .header('access-control-max-age', '600')
      .status(204)
      .send();
  });
}

function isOwn(origin: string, host: string | undefined): boolean {
  return host !== undefined && (origin === `http://${host}` || origin === `https://${host}`);
}

/** Without the port; an IPv6 address keeps its brackets. */
function hostName(host: string): string {
  return host.replace(/:\d+$/, '').toLowerCase();
}
