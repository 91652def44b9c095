import { Type } from 'typebox';
import type { ModelDescription } from '../../core/generator.js';
import { INFERENCE_ERRORS } from '../schemas/error-schema.js';
import type { App, ServerOptions } from '../server-options.js';
import { checkModel } from './to-generate-request.js';

const Figure = Type.Union([Type.Number(), Type.Null()]);
const Model = Type.Object({
  id: Type.String(),
  object: Type.Literal('model'),
  created: Type.Integer(),
  owned_by: Type.String(),
  meta: Type.Object({
    name: Type.String(),
    architecture: Type.String(),
    precision: Type.String(),
    n_params: Figure,
    n_ctx: Figure,
    n_vocab: Figure,
    size: Figure,
    vision: Type.Boolean(),
  }),
});
const List = Type.Object({ object: Type.Literal('list'), data: Type.Array(Model) }, { description: 'The models that are loaded.' });

/** `GET /v1/models` and `GET /v1/models/{model}` */
export function modelsRoutes(app: App, { service, modelNames }: ServerOptions): void {
  const created = Math.floor(Date.now() / 1000);
  const describe = (found: ModelDescription) => ({
    id: modelNames[0],
    object: 'model' as const,
    created,
    owned_by: 'edgevlm',
    meta: {
      name: found.name,
      architecture: found.architecture,
      precision: found.precision,
      n_params: found.parameters,
      n_ctx: found.contextLength,
      n_vocab: found.vocabularySize,
      size: found.weightBytes,
      vision: found.vision !== null,
    },
  });
  const { 401: unauthorised, 404: unknown, 500: internal, 503: away } = INFERENCE_ERRORS;
  const errors = { 401: unauthorised, 404: unknown, 500: internal, 503: away };
  app.get(
    '/v1/models',
    { schema: { summary: 'List models', operationId: 'listModels', tags: ['OpenAI'], response: { 200: List, ...errors } } },
    async () => ({ object: 'list' as const, data: [describe(await service.description())] }),
  );
  app.get(
    '/v1/models/:model',
    {
      schema: {
        summary: 'Describe a model',
        operationId: 'getModel',
        tags: ['OpenAI'],
        params: Type.Object({ model: Type.String() }),
        response: { 200: Model, ...errors },
      },
    },
    async ({ params }) => {
      checkModel(params.model, modelNames);
      return describe(await service.description());
    },
  );
}
