import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { form, testApp } from './support/null-app.js';

/** CI sends this many; `EDGEVLM_FUZZ_REQUESTS` asks for more. */
const REQUESTS = Number(process.env['EDGEVLM_FUZZ_REQUESTS'] ?? 1000);
const server = await testApp();
const { app } = server;

afterAll(() => server.close());

interface Described {
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { readonly responses: object; readonly requestBody?: { readonly content: object } }>>>
  >;
}
const api = (await app.inject('/openapi.json')).json<Described>();
const operations = Object.entries(api.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, { responses, requestBody }]) => ({
    path,
    method: method.toUpperCase() as 'GET' | 'POST',
    statuses: Object.keys(responses).map(Number),
    type: Object.keys(requestBody?.content ?? {})[0],
  })),
);

/** Values near those that the routes take, and far from them. */
const scalar = fc.oneof(
  fc.string(),
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
  fc.constantFrom('user', 'text', 'data:image/png;base64,AAAA', 5, 0.5),
);
const content = fc.oneof(
  scalar,
  fc.array(
    fc.oneof(
      fc.record({ type: fc.constant('text'), text: scalar }),
      fc.record({ type: fc.constant('image_url'), image_url: fc.record({ url: scalar }) }),
      fc.anything(),
    ),
    { maxLength: 4 },
  ),
);
const names = [
  'model',
  'max_tokens',
  'temperature',
  'top_p',
  'seed',
  'stop',
  'stream',
  'n',
  'grammar',
  'response_format',
  'decoding',
  'logit_bias',
  'tools',
  'stream_options',
  'prompt',
];
const settings = fc.dictionary(fc.constantFrom(...names), fc.oneof(scalar, fc.anything()), { maxKeys: 4 });
const message = fc.record({ role: fc.oneof(fc.constantFrom('user', 'system', 'assistant', 'tool'), scalar), content });
const body = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.array(message, { maxLength: 3 }), fc.string(), settings)
      .map(([messages, prompt, more]) => ({ messages, prompt, ...more })),
  },
  { weight: 1, arbitrary: fc.anything() },
);
const fields = fc.dictionary(
  fc.constantFrom('max_length', 'question', 'temperature', 'seed', 'num_runs', 'task_type', 'decoding', 'prompt', 'other'),
  fc.oneof(fc.string(), fc.constantFrom('1', '2', 'vqa', 'plain')),
  {
    maxKeys: 4,
  },
);

it('no request has an answer that is not described, and none ends the server', async () => {
  const seen = new Set<number>();
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...operations),
      body,
      fields,
      fc.uint8Array({ maxLength: 64 }),
      async (operation, json, texts, image) => {
        const { path, method, statuses, type } = operation;
        const url = path.replace('{model}', encodeURIComponent(typeof json === 'string' ? json.slice(0, 20) : 'null'));
        const sent =
          type === 'multipart/form-data'
            ? form(texts, image)
            : type === undefined
              ? {}
              : { payload: safeJson(json), headers: { 'content-type': 'application/json' } };
        const response = await app.inject({ method, url, ...sent });
        seen.add(response.statusCode);
        expect([path, statuses]).toEqual([path, expect.arrayContaining([response.statusCode])]);
        expect(response.statusCode).not.toBe(500);
        if (response.statusCode >= 400) expect(response.json<{ error: { code: string } }>().error.code).toMatch(/^[A-Z_]+$/);
      },
    ),
    { numRuns: REQUESTS },
  );
  expect([...seen]).toEqual(expect.arrayContaining([200, 400]));
  expect((await app.inject('/health')).statusCode).toBe(200);
}, 600_000);

function safeJson(value: unknown): string {
  try {
    const text: unknown = JSON.stringify(value);
    return typeof text === 'string' ? text : 'null';
  } catch {
    return '{';
  }
}
