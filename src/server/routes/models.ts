import { type Static, Type } from 'typebox';
import { EdgeVlmError } from '../../core/errors.js';
import { RUNTIME_NAMES } from '../../core/runtime.js';
import { DRAFT_VIEWS } from '../../serving/model-shelf.js';
import { MODEL_STATES, type ServedModel } from '../../serving/served-model.js';
import { InvalidField } from '../invalid-field.js';
import { ErrorAnswer, PLAIN_ERRORS } from '../schemas/error-schema.js';
import type { App, ServerOptions } from '../server-options.js';

const Count = Type.Integer({ minimum: 0 });
const OrNull = <T extends Parameters<typeof Type.Union>[0][number]>(type: T) => Type.Union([type, Type.Null()]);
const Name = Type.String({ minLength: 1, maxLength: 128, pattern: '^[^\\u0000-\\u001f/\\\\]+$' });

const Row = Type.Object({
  id: Type.String({ description: 'What requests call it.' }),
  object: Type.Literal('model'),
  aliases: Type.Array(Type.String(), { description: 'What else they may call it.' }),
  status: Type.Object(
    { value: Type.Enum(['loaded', 'loading', 'unloaded']), failed: Type.Optional(Type.Boolean()) },
    { description: "As llama-server's router tells it." },
  ),
  state: OrNull(Type.Enum([...MODEL_STATES])),
  runtime: OrNull(Type.Enum([...RUNTIME_NAMES])),
  file_bytes: OrNull(Count),
  planned_bytes: OrNull(Type.Integer({ minimum: 0, description: 'Memory it is counted with; null where nobody knows.' })),
  pids: Type.Array(Count),
  restarts: Count,
  running: Count,
  waiting: Count,
  error: OrNull(Type.Object({ code: Type.String(), message: Type.String() }, { description: 'Why it could not be loaded.' })),
});
const List = Type.Object(
  {
    object: Type.Literal('list'),
    data: Type.Array(Row),
    memory: Type.Object({ budget: Type.Union([Count, Type.Literal('auto')]), free_bytes: Count }),
  },
  { description: 'What is loaded, and what could be. While a model is exchanged, two rows have its name.' },
);
const Load = Type.Object(
  {
    model: Type.String({ minLength: 1, maxLength: 256, description: 'One of GET /models.' }),
    name: Type.Optional(Type.String({ ...Name, description: 'What requests are to call it. Default: the same.' })),
    mmproj: Type.Optional(Type.String({ ...Name, description: 'File of the vision half beside it. Default: the one that is there.' })),
    draft: Type.Optional(Type.String({ ...Name, description: 'A smaller model that guesses for it; one of GET /models.' })),
    draft_view: Type.Optional(
      Type.Enum([...DRAFT_VIEWS], { description: "What the draft sees of pictures: words, the default, or the model's image tokens." }),
    ),
    context: Type.Optional(Type.Integer({ minimum: 16, maximum: 16_777_216, description: 'Tokens of a prompt and its answer.' })),
    wait: Type.Optional(Type.Boolean({ description: 'false: answer 202 at once; GET /models tells when it is ready. Default true.' })),
  },
  { additionalProperties: false },
);
const Loaded = Type.Object({
  success: Type.Literal(true),
  model: Type.String(),
  state: Type.Enum(['ready', 'loading']),
  how: Type.Enum(['unchanged', 'new', 'beside', 'after'], {
    description:
      'new: no model had this name; beside: the one before answered until the new one was ready; after: memory does not hold both, so the one before finished its requests first, and new ones waited; unchanged: it was there.',
  }),
});
const Unload = Type.Object({ model: Type.String({ minLength: 1, maxLength: 256 }) }, { additionalProperties: false });
const Unloaded = Type.Object({ success: Type.Literal(true), model: Type.String() });

/** `GET /models`, `POST /models/load` and `POST /models/unload`; names and places are those of llama-server's router. */
export function managementRoutes(app: App, { service, shelf, logger }: ServerOptions): void {
  const pool = service.models;
  app.get(
    '/models',
    {
      config: { scope: 'infer' },
      schema: {
        summary: 'List the models that are loaded and those that could be',
        operationId: 'listAllModels',
        tags: ['Models'],
        response: { 200: List, ...PLAIN_ERRORS },
      },
    },
    async () => {
      const { all, failures, ledger } = pool;
      const available = await shelf.list();
      const isTaken = new Set(all.map(({ name }) => name));
      const sizes = new Map(available.map(({ name, fileBytes }) => [name, fileBytes]));
      const others = [...new Set([...sizes.keys(), ...failures.keys()])].filter((name) => !isTaken.has(name));
      return {
        object: 'list' as const,
        data: [
          ...all.map((model) => loadedRow(model, sizes.get(model.name) ?? null)),
          ...others.map((name) => {
            const failure = failures.get(name);
            const error = failure === undefined ? null : { code: failure.code, message: failure.message };
            return { ...UNLOADED, id: name, file_bytes: sizes.get(name) ?? null, error, status: statusOf('unloaded', error !== null) };
          }),
        ],
        memory: { budget: ledger.budget, free_bytes: ledger.free() },
      };
    },
  );
  app.post(
    '/models/load',
    {
      config: { scope: 'admin' },
      schema: {
        summary: 'Load a model, or exchange the one that has its name; requests in flight finish on the old one',
        operationId: 'loadModel',
        tags: ['Models'],
        body: Load,
        response: {
          200: Loaded,
          202: Loaded,
          ...PLAIN_ERRORS,
          404: ErrorAnswer,
          409: ErrorAnswer,
          413: ErrorAnswer,
          415: ErrorAnswer,
          422: ErrorAnswer,
          503: ErrorAnswer,
          507: ErrorAnswer,
        },
      },
    },
    async ({ body: { wait = true, draft_view: draftView, ...asked } }, reply) => {
      if (draftView !== undefined && asked.draft === undefined) throw new InvalidField('draft_view', 'needs draft');
      const source = await shelf.find({ ...asked, ...(draftView && { draftView }) });
      const [model] = source.names;
      const { how, done } = pool.load(source);
      logger.info('loading a model', { model, runtime: source.runtime, how, bytes: source.bytes });
      done.then(
        () => {
          logger.info('a model was loaded', { model, how });
        },
        (error: unknown) => {
          logger.error('a model could not be loaded', { model, how, error });
        },
      );
      if (wait) {
        await done.catch((thrown: unknown) => {
          const error = EdgeVlmError.from(thrown);
          throw error.code === 'CANCELLED' ? new EdgeVlmError('MODEL_BUSY', `${model} was unloaded before it was ready`) : error;
        });
      }
      void reply.status(wait ? 200 : 202);
      return { success: true as const, model, state: wait ? ('ready' as const) : ('loading' as const), how };
    },
  );
  app.post(
    '/models/unload',
    {
      config: { scope: 'admin' },
      schema: {
        summary: 'Unload a model: it finishes what it was asked and takes no more',
        operationId: 'unloadModel',
        tags: ['Models'],
        body: Unload,
        response: { 200: Unloaded, ...PLAIN_ERRORS, 404: ErrorAnswer, 413: ErrorAnswer, 415: ErrorAnswer, 503: ErrorAnswer },
      },
    },
    async ({ body }) => {
      const model = pool.nameOf(body.model);
      await pool.unload(model);
      logger.info('a model was unloaded', { model });
      return { success: true as const, model };
    },
  );
}

const UNLOADED = {
  ...{ object: 'model' as const, aliases: [], state: null, runtime: null, planned_bytes: null },
  ...{ pids: [], restarts: 0, running: 0, waiting: 0 },
};

function loadedRow(model: ServedModel, fileBytes: number | null): Static<typeof Row> {
  const { name, source, state, bytes, restarts, queue } = model;
  return {
    id: name,
    object: 'model',
    aliases: source.names.slice(1),
    status: statusOf(state === 'loading' ? 'loading' : 'loaded', false),
    ...{ state, runtime: source.runtime, file_bytes: fileBytes, planned_bytes: bytes, pids: [...model.pids()] },
    ...{ restarts, running: queue.running, waiting: queue.waiting, error: null },
  };
}

function statusOf(value: 'loaded' | 'loading' | 'unloaded', failed: boolean): { value: typeof value; failed?: boolean } {
  return { value, ...(failed && { failed }) };
}
