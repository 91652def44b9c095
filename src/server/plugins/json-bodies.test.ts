import Fastify from 'fastify';
import { expect, it } from 'vitest';
import type { App } from '../server-options.js';
import { parseJsonBodies } from './json-bodies.js';

async function post(payload: string): Promise<{ readonly status: number; readonly body: unknown }> {
  const app: App = Fastify();
  parseJsonBodies(app);
  app.setErrorHandler<Error>((error, _, reply) => reply.status(400).send({ error: error.message }));
  app.post('/', ({ body }) => ({ body }));
  const response = await app.inject({ method: 'POST', url: '/', headers: { 'content-type': 'application/json; charset=utf-8' }, payload });
  return { status: response.statusCode, body: response.json() };
}

it('reads JSON', async () => {
  const body = { a: [1, 'é', null, { constructor: 'x' }], b: { prototype: 2 } };
  expect(await post(JSON.stringify(body))).toEqual({ status: 200, body: { body } });
});

it.each(['{"a":{"__proto__":{"b":1}}}', '[{"\\u005f_proto__":1}]', '{"constructor":{"prototype":{"b":1}}}'])(
  'refuses fields that could change all objects: %s',
  async (payload) => {
    expect(await post(payload)).toMatchObject({ status: 400, body: { error: expect.stringMatching(/must not be called/) as string } });
  },
);

it.each([
  ['', 'is empty'],
  ['{', 'is not JSON'],
  ['{} x', 'is not JSON'],
])('refuses %j', async (payload, message) => {
  expect(await post(payload)).toMatchObject({ status: 400, body: { error: expect.stringContaining(message) as string } });
});
