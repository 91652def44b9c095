import type { App } from '../server-options.js';

/** Every answer names its request and tells browsers to make nothing else of it. */
export function addHeaders(app: App): void {
  app.addHook('onRequest', (request, reply, done) => {
    void reply
      .header('x-request-id', request.id)
      .header('x-content-type-options', 'nosniff')
      .header('referrer-policy', 'no-referrer')
      .header('x-frame-options', 'DENY')
      .header('cache-control', 'no-store');
    done();
  });
}
