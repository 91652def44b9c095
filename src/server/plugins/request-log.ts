import type { App, ServerOptions } from '../server-options.js';

const STATE_ROUTES = new Set(['/health', '/live', '/ready', '/metrics', '/metrics/prometheus']);

/** One line for every request: never its address's query, its pictures, questions or answers. */
export function logRequests(app: App, { logger, prometheus }: Pick<ServerOptions, 'logger' | 'prometheus'>): void {
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unknown';
    const { method, id } = request;
    const { statusCode: status, elapsedTime: duration_ms } = reply;
    prometheus.requested(route, method, status);
    const code = reply.getHeader('x-error-code');
    // Asked every few seconds by what watches the server: memory cards wear.
    const level = STATE_ROUTES.has(route) && status < 400 ? 'debug' : 'info';
    logger[level]('request', { id, method, route, status, duration_ms: Math.round(duration_ms), ...(code !== undefined && { code }) });
    done();
  });
}
