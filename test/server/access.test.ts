import { afterEach, describe, expect, it } from 'vitest';
import { type TestApp, testApp } from './support/null-app.js';

let server: TestApp | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function start(options: Parameters<typeof testApp>[0]): Promise<TestApp['app']> {
  server = await testApp(options);
  return server.app;
}

describe('with keys', () => {
  it('nothing but the state is told without one', async () => {
    const app = await start({ apiKeys: ['sesame', 'second'] });
    for (const url of ['/v1/models', '/metrics', '/openapi.json', '/nothing', '/docs/json']) {
      const { statusCode, headers } = await app.inject(url);
      expect([url, statusCode, headers['www-authenticate']]).toEqual([url, 401, 'Bearer']);
    }
    for (const url of ['/health', '/live', '/ready']) expect((await app.inject(url)).statusCode).toBe(200);
  });

  it.each([
    ['Bearer', { authorization: 'Bearer sesame' }, 200],
    ['the other key', { authorization: 'bearer second' }, 200],
    ['X-API-Key', { 'x-api-key': 'sesame' }, 200],
    ['a part of one', { authorization: 'Bearer sesam' }, 401],
    ['one and more', { authorization: 'Bearer sesame2' }, 401],
    ['Basic', { authorization: 'Basic sesame' }, 401],
    ['an empty one', { 'x-api-key': '' }, 401],
  ])('%s is %j → %i', async (_, headers, status) => {
    const app = await start({ apiKeys: ['sesame', 'second'] });
    expect((await app.inject({ url: '/v1/models', headers })).statusCode).toBe(status);
    expect(server?.log.join('\n')).not.toMatch(/sesam|second/);
  });
});

describe('pages of other origins', () => {
  it('may not use the server unless they are allowed', async () => {
    const app = await start({ corsOrigins: ['https://good.example'] });
    const from = (origin: string, method: 'GET' | 'OPTIONS' = 'GET') =>
      app.inject({ url: '/v1/models', method, headers: { origin, host: 'localhost:8000' } });
    expect((await from('https://evil.example')).statusCode).toBe(403);
    expect((await from('null')).statusCode).toBe(403);
    expect((await from('http://localhost:8000')).statusCode).toBe(200);
    const good = await from('https://good.example');
    expect([good.statusCode, good.headers['access-control-allow-origin']]).toEqual([200, 'https://good.example']);
    const preflight = await from('https://good.example', 'OPTIONS');
    expect([preflight.statusCode, preflight.headers['access-control-allow-methods']]).toEqual([204, 'GET, POST']);
  });

  it('nor may a name that was made to mean this machine', async () => {
    const app = await start({ hostNames: ['localhost', '127.0.0.1', '[::1]'] });
    const at = async (host: string): Promise<number> => (await app.inject({ url: '/v1/models', headers: { host } })).statusCode;
    expect([await at('localhost:8000'), await at('[::1]:8000'), await at('127.0.0.1')]).toEqual([200, 200, 200]);
    expect([await at('evil.example'), await at('localhost.evil.example:8000')]).toEqual([403, 403]);
  });
});

describe('what browsers are told', () => {
  it('is to make nothing else of an answer, to load nothing for it, and to show it in no frame', async () => {
    const app = await start({});
    for (const url of ['/v1/models', '/health', '/nothing']) {
      expect((await app.inject(url)).headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'x-frame-options': 'DENY',
        'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
        'cross-origin-resource-policy': 'same-origin',
        'cache-control': 'no-store',
      });
      expect((await app.inject(url)).headers).not.toHaveProperty('strict-transport-security');
    }
  });

  it('lets the pages at /docs load what is the server’s own, over http too', async () => {
    const app = await start({});
    for (const url of ['/docs/', '/docs/static/swagger-ui-bundle.js']) {
      const { statusCode, headers } = await app.inject(url);
      const policy = String(headers['content-security-policy']);
      expect([statusCode, policy]).toEqual([200, expect.stringMatching(/^default-src 'self';.*frame-ancestors 'none'/)]);
      expect(policy).not.toMatch(/upgrade-insecure|unsafe|https:/);
    }
  });
});
