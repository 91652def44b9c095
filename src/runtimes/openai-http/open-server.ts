import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { EdgeVlmError } from '../../core/errors.js';
import type { Generator, ModelDescription } from '../../core/generator.js';
import type { RuntimeSpec } from '../../core/runtime.js';
import { exchangeJson, type ServerAccess } from './http-exchange.js';
import { OpenAiGenerator } from './openai-generator.js';
import type { Dialect } from './openai-request.js';

const Count = Type.Optional(Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]));
/** The part of `GET /models` that is read; `meta` is llama.cpp's. */
const Models = Type.Object({
  data: Type.Array(
    Type.Object({
      id: Type.String(),
      owned_by: Type.Optional(Type.Unknown()),
      meta: Type.Optional(
        Type.Union([
          Type.Object({ n_vocab: Count, n_ctx: Count, n_params: Count, size: Count, ftype: Type.Optional(Type.Unknown()) }),
          Type.Null(),
        ]),
      ),
    }),
  ),
});
type ListedModel = Static<typeof Models>['data'][number];

const checkModels = Compile(Models);

/** A list of models is short work. */
const PATIENCE_MS = 10_000;

/**
 * Asks a server what it serves and makes a generator of it.
 * @throws SERVER_AWAY when nobody answers, SERVER_REFUSED when the key is wrong, ENGINE_TIMEOUT, CANCELLED
 */
export async function openServer(
  access: ServerAccess,
  { apiModel }: Pick<RuntimeSpec, 'apiModel'>,
  signal?: AbortSignal,
): Promise<Generator> {
  const start = performance.now();
  const models = await listModels(access, signal);
  const served = models.find(({ id }) => id === apiModel) ?? models[0];
  const model = apiModel === undefined ? (served?.id ?? null) : apiModel;
  const owner = served?.owned_by;
  const dialect: Dialect = owner === 'llamacpp' || owner === 'edgevlm' ? 'llama.cpp' : 'openai';
  const { base, apiKey } = access;
  const open = base.protocol === 'http:' && apiKey !== undefined && !isLoopback(base.hostname);
  const description: ModelDescription = {
    name: apiModel ?? served?.id ?? base.host,
    architecture: 'unknown',
    precision: precisionOf(served),
    parameters: served?.meta?.n_params ?? null,
    contextLength: served?.meta?.n_ctx ?? null,
    vocabularySize: served?.meta?.n_vocab ?? null,
    vision: null,
    weightBytes: served?.meta?.size ?? null,
    cacheBytes: null,
    load_ms: performance.now() - start,
    warnings: open ? [`the key in EDGEVLM_API_KEY goes to ${base.host} without encryption`] : [],
  };
  return new OpenAiGenerator(description, access, { model, dialect });
}

/** None where the server has no such list. */
async function listModels(access: ServerAccess, signal: AbortSignal | undefined): Promise<readonly ListedModel[]> {
  try {
    const answer = await exchangeJson(access, { path: 'models', signal, silence_ms: PATIENCE_MS });
    return checkModels.Check(answer) ? answer.data : [];
  } catch (thrown) {
    if (thrown instanceof EdgeVlmError && thrown.code === 'SERVER_REFUSED' && /answers (?:404|405|501)\b/.test(thrown.message)) return [];
    throw thrown;
  }
}

/** llama.cpp's name of the file's type, `all F32` or `Q4_K - Medium`. */
function precisionOf(model: ListedModel | undefined): string {
  const type = model?.meta?.ftype;
  return typeof type === 'string' && type !== '' ? type.replace(/^all /, '').slice(0, 40) : 'unknown';
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.');
}
