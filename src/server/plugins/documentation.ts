import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { ErrorSchema } from '../schemas/error-schema.js';
import type { App, ServerOptions } from '../server-options.js';
import { describeMediaTypes } from './describe-media-types.js';

/** What the pages at `/docs` may load; the package's own list also has other servers, and turns http into https. */
const PAGE_POLICY = [
  "default-src 'self'",
  "base-uri 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "img-src 'self' data:",
  "object-src 'none'",
].join('; ');

/** Describes every route that is added afterwards: OpenAPI 3.1 at `/openapi.json`, to browse at `/docs`. */
export async function documentRoutes(app: App, { version }: Pick<ServerOptions, 'version'>): Promise<void> {
  app.addSchema(ErrorSchema);
  await app.register(swagger, {
    transformObject: describeMediaTypes,
    refResolver: { buildLocalReference: ({ $id }, _base, _fragment, index) => (typeof $id === 'string' ? $id : `schema-${index}`) },
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'EdgeVLM',
        version,
        description: 'Captions pictures and answers questions about them, on the machine it runs on. Speaks the OpenAI interface too.',
        license: { name: 'MIT', identifier: 'MIT' },
      },
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer' },
          header: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
        },
      },
      security: [{}, { bearer: [] }, { header: [] }],
      tags: [
        { name: 'Pictures', description: "EdgeVLM's own routes: forms in, JSON out." },
        { name: 'OpenAI', description: "What OpenAI's clients and llama-server's users call." },
        { name: 'Models', description: "What llama-server's router answers, too: which models are loaded." },
        { name: 'State' },
        { name: 'Measurement' },
      ],
    },
  });
  await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: PAGE_POLICY });
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
}
