import { randomUUID } from 'node:crypto';
import multipart from '@fastify/multipart';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, { type FastifyServerFactory } from 'fastify';
import { chatCompletionsRoute } from './openai/chat-completions.js';
import { completionsRoute } from './openai/completions.js';
import { modelsRoutes } from './openai/models.js';
import { addHeaders } from './plugins/headers.js';
import { answerErrors } from './plugins/errors.js';
import { authorise, identify } from './plugins/authentication.js';
import { boundIntake } from './plugins/bounded-intake.js';
import { checkOrigins } from './plugins/origins.js';
import { documentRoutes } from './plugins/documentation.js';
import { parseJsonBodies } from './plugins/json-bodies.js';
import { limitRate } from './plugins/rate-limit.js';
import { logRequests } from './plugins/request-log.js';
import { benchmarkRoute } from './routes/benchmark.js';
import { captionRoute } from './routes/caption.js';
import { healthRoutes } from './routes/health.js';
import { metricsRoutes } from './routes/metrics.js';
import { managementRoutes } from './routes/models.js';
import { vqaRoute } from './routes/vqa.js';
import type { App, ServerOptions } from './server-options.js';
import type { TlsCertificate } from './tls-certificate.js';

/** A client that sends its request more slowly than this is let go, milliseconds. */
const REQUEST_TIMEOUT_MS = 60_000;
/** How long a connection is kept for the client's next request, milliseconds; Fastify's own default. */
const KEEP_ALIVE_MS = 72_000;
/** Text around the pictures of a JSON request, bytes. */
const TEXT_BYTES = 2_000_000;
const REQUEST_ID = /^[\w.:-]{1,128}$/;

/** The whole server, without a socket. */
export async function buildApp(options: ServerOptions & { readonly capacity: number }): Promise<App> {
  const { limits, tls } = options;
  const app: App = Fastify({
    logger: false,
    // Base64 takes four bytes for three; two pictures of full size, or more of usual sizes.
    bodyLimit: Math.ceil((limits.imageBytes * 4) / 3) * 2 + TEXT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    ...(tls && { serverFactory: serverFactory(tls) }),
    requestIdHeader: false,
    genReqId: ({ headers }) => {
      const given = headers['x-request-id'];
      return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
    },
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 256 },
    // A wrong type is an error, not something to make fit; fields that are not known are the client's business.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false, strict: false } },
  }).withTypeProvider<TypeBoxTypeProvider>();
  // Answers are sent as they were made: a schema that forgot a field must not cut it off.
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));

  addHeaders(app, options);
  answerErrors(app, options);
  logRequests(app, options);
  checkOrigins(app, options);
  identify(app, options);
  await limitRate(app, options);
  authorise(app, options);
  boundIntake(app, options);
  parseJsonBodies(app);
  await app.register(multipart);
  await documentRoutes(app, options);
  // As a plugin, so that all routes are added after the one that describes them.
  await app.register((routes, _, done) => {
    const typed = routes.withTypeProvider<TypeBoxTypeProvider>();
    for (const add of [captionRoute, vqaRoute, healthRoutes, metricsRoutes, managementRoutes, benchmarkRoute]) add(typed, options);
    for (const add of [modelsRoutes, chatCompletionsRoute, completionsRoute]) add(typed, options);
    done();
  });
  return app;
}

function serverFactory(tls: TlsCertificate): FastifyServerFactory {
  return (handler) => tls.createServer(handler, { requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: KEEP_ALIVE_MS });
}
