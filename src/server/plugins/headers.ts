import type { App, ServerOptions } from '../server-options.js';

/** A year; browsers that came over TLS once do not come without it again. */
const HSTS = 'max-age=31536000';

/** Every answer names its request and tells browsers to make nothing else of it. */
export function addHeaders(app: App, { tls }: Pick<ServerOptions, 'tls'>): void {
  app.addHook('onRequest', (request, reply, done) => {
    void reply
      .header('x-request-id', request.id)
      .header('x-content-type-options', 'nosniff')
      .header('referrer-policy', 'no-referrer')
      .header('x-frame-options', 'DENY')
      .header('content-security-policy', "default-src 'none'; frame-ancestors 'none'")
      .header('cross-origin-resource-policy', 'same-origin')
      .header('cache-control', 'no-store');
    // Browsers hold it against every port of a name: other programs of a developer's machine may have no TLS.
    if (tls !== undefined && request.hostname !== 'localhost') void reply.header('strict-transport-security', HSTS);
    done();
  });
}
