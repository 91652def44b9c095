import { type Static, Type } from 'typebox';
import type { ServedModel } from '../../serving/served-model.js';
import { INFERENCE_ERRORS } from '../schemas/error-schema.js';
import type { App, ServerOptions } from '../server-options.js';

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
export function modelsRoutes(app: App, { service: { models } }: ServerOptions): void {
  const { 401: unauthorised, 404: unknown, 500: internal, 503: away } = INFERENCE_ERRORS;
  const errors = { 401: unauthorised, 404: unknown, 500: internal, 503: away };
  app.get(
    '/v1/models',
    {
      schema: {
        summary: 'List the models that are loaded',
        operationId: 'listModels',
        tags: ['OpenAI'],
        response: { 200: List, ...errors },
      },
    },
    () => ({ object: 'list' as const, data: models.answering.map(describe) }),
  );
  app.get(
    '/v1/models/:model',
    {
      schema: {
        summary: 'Describe a model that is loaded',
        operationId: 'getModel',
        tags: ['OpenAI'],
        params: Type.Object({ model: Type.String() }),
        response: { 200: Model, ...errors },
      },
    },
    ({ params }) => describe(models.answeringAs(params.model)),
  );
}

/** As OpenAI lists it, with what llama-server tells of it. */
function describe({ name: id, created_ms, description }: ServedModel): Static<typeof Model> {
  const { name, architecture, precision, parameters, contextLength, vocabularySize, weightBytes, vision } = description;
  return {
    id,
    object: 'model',
    created: Math.floor(created_ms / 1000),
    owned_by: 'edgevlm',
    meta: {
      ...{ name, architecture, precision, n_params: parameters, n_ctx: contextLength, n_vocab: vocabularySize, size: weightBytes },
      vision: vision !== null,
    },
  };
}
