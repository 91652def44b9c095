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

type Request = Readonly<{ url?: string; key?: string; remoteAddress?: string }>;

/** Statuses of so many requests, one after the other. */
async function statuses(app: TestApp['app'], count: number, { url = '/metrics', key, ...from }: Request = {}): Promise<number[]> {
  const found: number[] = [];
  const headers = key === undefined ? {} : { 'x-api-key': key };
  for (let request = 0; request < count; request++) found.push((await app.inject({ url, headers, ...from })).statusCode);
  return found;
}

describe('a limit of requests', () => {
  it('holds for an address, says when to come again, and leaves others alone', async () => {
    const app = await start({ rateLimit: 3 });
    expect(await statuses(app, 5)).toEqual([200, 200, 200, 429, 429]);
    expect(await statuses(app, 1, { remoteAddress: '192.168.1.7' })).toEqual([200]);
    const { headers, body } = await app.inject('/metrics');
    const { error } = JSON.parse(body) as { error: { code: string; hint: string } };
    expect([error.code, headers['x-error-code']]).toEqual(['RATE_LIMITED', 'RATE_LIMITED']);
    expect(Number(headers['retry-after'])).toBeGreaterThanOrEqual(1);
    expect(Number(headers['retry-after'])).toBeLessThanOrEqual(60);
    expect(headers['x-ratelimit-limit']).toBe('3');
  });

  it("is told to OpenAI's clients in their words", async () => {
    const app = await start({ rateLimit: 1 });
    expect(await statuses(app, 1, { url: '/v1/models' })).toEqual([200]);
    const { error } = (await app.inject('/v1/models')).json<{ error: { code: string; type: string; param: null } }>();
    expect(error).toMatchObject({ code: 'RATE_LIMITED', type: 'rate_limit_error', param: null });
  });

  it('is for all routes together, and not for what watches the server', async () => {
    const app = await start({ rateLimit: 2 });
    expect(await statuses(app, 5, { url: '/live' })).toEqual([200, 200, 200, 200, 200]);
    expect([...(await statuses(app, 1)), ...(await statuses(app, 1, { url: '/nothing' }))]).toEqual([200, 404]);
    expect(await statuses(app, 1, { url: '/v1/models' })).toEqual([429]);
    expect(await statuses(app, 1, { url: '/ready' })).toEqual([200]);
  });

  it('is one for each key, wherever it is used from', async () => {
    const app = await start({ rateLimit: 2, apiKeys: ['a', 'b'] });
    expect(await statuses(app, 2, { key: 'a' })).toEqual([200, 200]);
    expect(await statuses(app, 1, { key: 'a', remoteAddress: '192.168.1.7' })).toEqual([429]);
    expect(await statuses(app, 2, { key: 'b' })).toEqual([200, 200]);
  });

  it('counts wrong keys for the address that tries them', async () => {
    const app = await start({ rateLimit: 2, apiKeys: ['a'] });
    const tried: number[] = [];
    for (const key of ['x', 'y', 'z']) tried.push(...(await statuses(app, 1, { key })));
    expect(tried).toEqual([401, 401, 429]);
    expect(await statuses(app, 1, { key: 'a' })).toEqual([200]);
  });

  it('is not evaded by inventing keys where none are asked for, nor with the addresses of one IPv6 network', async () => {
    const app = await start({ rateLimit: 2 });
    const tried: number[] = [];
    for (const key of ['x', 'y', 'z']) tried.push(...(await statuses(app, 1, { key })));
    expect(tried).toEqual([200, 200, 429]);
    const network: number[] = [];
    for (const remoteAddress of ['2606:4700::1', '2606:4700::2', '2606:4700::ffff:3', '2606:4700:0:1::1']) {
      network.push(...(await statuses(app, 1, { remoteAddress })));
    }
    expect(network).toEqual([200, 200, 429, 200]);
  });

  it('is none unless one was asked for', async () => {
    expect(new Set(await statuses(await start({}), 100))).toEqual(new Set([200]));
  });
});
