import { request as httpRequest } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { form, type TestApp, testApp } from './support/null-app.js';
import { DEADLY, ScriptedRuntimes } from './support/scripted-runtime.js';

const PICTURE = Buffer.from('harmless');
let server: TestApp | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function start(
  options: Parameters<typeof testApp>[0] = {},
  token_ms = 2,
): Promise<{ app: TestApp['app']; runtimes: ScriptedRuntimes; url: string; service: TestApp['service'] }> {
  const runtimes = new ScriptedRuntimes(token_ms);
  server = await testApp({ open: runtimes.open, ...options });
  const url = await server.app.listen({ host: '127.0.0.1', port: 0 });
  return { app: server.app, service: server.service, runtimes, url };
}

function ask(
  url: string,
  question: string,
  { tokens = 20, picture = PICTURE, headers = {} }: { tokens?: number; picture?: Buffer; headers?: Record<string, string> } = {},
): Promise<Response> {
  const { payload, headers: type } = form({ question, max_length: String(tokens) }, picture);
  return fetch(`${url}/vqa`, { method: 'POST', body: payload, headers: { ...type, ...headers } });
}

async function codeOf(response: Response): Promise<string> {
  const body: unknown = await response.json();
  return (body as { error: { code: string } }).error.code;
}

describe('a queue that is full', () => {
  it('refuses at once, says when to come again, and answers the others', async () => {
    const { url, runtimes } = await start({ parallel: 2, maxQueue: 3 }, 5);
    const responses = await Promise.all(Array.from({ length: 12 }, (_, index) => ask(url, `question ${index}`, { tokens: 200 })));
    const refused = responses.filter(({ status }) => status === 429);
    expect(responses.filter(({ status }) => status === 200)).toHaveLength(5);
    expect(refused).toHaveLength(7);
    for (const response of refused) {
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
      expect(await codeOf(response)).toBe('QUEUE_FULL');
    }
    expect(runtimes.mostRunning).toBe(2);
  });

  it('is fair: a client with one request does not wait for all of another', async () => {
    const { url, runtimes } = await start({ parallel: 1, maxQueue: 20, apiKeys: ['a', 'b'] }, 5);
    const as = (key: string): { headers: Record<string, string> } => ({ headers: { 'x-api-key': key } });
    // The first takes two seconds, in which the others arrive.
    const many = Array.from({ length: 6 }, (_, index) => ask(url, `a${index}`, { ...as('a'), tokens: index === 0 ? 400 : 20 }));
    await vi.waitFor(() => {
      expect(runtimes.asked).toHaveLength(1);
    });
    await vi.waitFor(() => {
      expect(server?.service.queue.waiting).toBe(5);
    });
    await Promise.all([...many, ask(url, 'b0', as('b'))]);
    expect(runtimes.asked.indexOf('b0')).toBeLessThanOrEqual(2);
  });
});

describe('the freshest lane', () => {
  it('answers the newest picture of a camera, and tells the older one why it is not', async () => {
    const { url, service, runtimes } = await start({ parallel: 1 }, 5);
    const waiting = async (count: number): Promise<void> => {
      await vi.waitFor(() => {
        expect(service.queue.waiting).toBe(count);
      });
    };
    const frame = (question: string, source: string): Promise<Response> =>
      ask(url, question, { tokens: 5, headers: { 'x-lane': 'freshest', 'x-source': source } });
    const first = ask(url, 'long', { tokens: 200 });
    await vi.waitFor(() => {
      expect(service.queue.running).toBe(1);
    });
    const old = frame('old', 'door');
    await waiting(1);
    const other = frame('other', 'yard');
    await waiting(2);
    const newest = frame('new', 'door');
    const superseded = await old;
    expect([superseded.status, await codeOf(superseded)]).toEqual([409, 'SUPERSEDED']);
    expect((await Promise.all([first, other, newest])).map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(runtimes.asked).not.toContain('old');
    const { queue } = (await (await fetch(`${url}/metrics`)).json()) as { queue: unknown };
    expect(queue).toEqual({ running: 0, waiting: 0, superseded: 1, pauses: 0, paused_seconds: 0 });
  });
});

describe('a deadline', () => {
  it('ends a request that runs and one that waits', async () => {
    const { url, service } = await start({ parallel: 1 }, 5);
    const late = { tokens: 500, headers: { 'x-deadline-ms': '100' } };
    const responses = await Promise.all([ask(url, 'runs', late), ask(url, 'waits', late)]);
    for (const response of responses) {
      expect(response.status).toBe(504);
      expect(await codeOf(response)).toBe('DEADLINE_EXCEEDED');
    }
    await vi.waitFor(() => {
      expect([service.queue.running, service.queue.waiting]).toEqual([0, 0]);
    });
  });
});

describe('a client that leaves', () => {
  it.each([
    ['an answer', '/vqa', form({ question: 'long', max_length: '512' }, PICTURE)],
    [
      'a stream',
      '/v1/chat/completions',
      {
        payload: Buffer.from(JSON.stringify({ stream: true, max_tokens: 512, messages: [{ role: 'user', content: 'long' }] })),
        headers: { 'content-type': 'application/json' },
      },
    ],
  ])('ends %s within a few tokens and makes room', async (_, path, { payload, headers }) => {
    const { url, runtimes, service } = await start({ parallel: 1 }, 5);
    const request = httpRequest(`${url}${path}`, { method: 'POST', headers });
    request.on('error', () => undefined);
    request.on('response', (response) => response.resume().on('error', () => undefined));
    request.end(payload);
    await vi.waitFor(() => {
      expect(runtimes.tokens).toBeGreaterThan(3);
    });
    request.destroy();
    await vi.waitFor(() => {
      expect([service.queue.running, runtimes.running]).toEqual([0, 0]);
    });
    expect(runtimes.tokens).toBeLessThan(400);
    expect((await ask(url, 'next')).status).toBe(200);
  });

  it('before its body is complete leaves nothing behind', async () => {
    const { url, service } = await start({ parallel: 1, maxQueue: 0 });
    const { payload, headers } = form({ question: 'q' }, PICTURE);
    for (let round = 0; round < 5; round++) {
      const request = httpRequest(`${url}/vqa`, { method: 'POST', headers: { ...headers, 'content-length': payload.length } });
      request.on('error', () => undefined);
      request.write(payload.subarray(0, 50));
      await sleep(20);
      request.destroy();
      await new Promise((resolve) => request.once('close', resolve));
    }
    await vi.waitFor(async () => {
      expect((await ask(url, 'next')).status).toBe(200);
    });
    expect(service.queue.running).toBe(0);
  });
});

describe('an engine that dies', () => {
  it('costs the requests in flight; the next is answered by a new one', async () => {
    const { url, runtimes } = await start();
    const response = await ask(url, 'die', { picture: DEADLY });
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await codeOf(response)).toBe('ENGINE_CRASHED');
    expect((await ask(url, 'next')).status).toBe(200);
    expect(runtimes.opened).toBe(2);
  });

  it('twice of the same picture, puts that away; an innocent one that ran beside is still answered', async () => {
    const { url, runtimes, service } = await start({ parallel: 2 });
    const [deadly, beside] = await Promise.all([ask(url, 'die', { picture: DEADLY }), ask(url, 'beside', { tokens: 500 })]);
    expect([deadly.status, beside.status]).toEqual([503, 503]);
    expect((await ask(url, 'die', { picture: DEADLY })).status).toBe(503);
    const refused = await ask(url, 'die', { picture: DEADLY });
    expect([refused.status, await codeOf(refused)]).toEqual([422, 'PICTURE_QUARANTINED']);
    expect((await ask(url, 'beside')).status).toBe(200);
    expect(service.quarantine.size).toBe(1);
    expect(runtimes.opened).toBe(3);
  });

  it('and cannot be loaded again at once is tried until it can', async () => {
    const { url, runtimes } = await start();
    runtimes.failures = 3;
    await ask(url, 'die', { picture: DEADLY });
    const meanwhile = await ask(url, 'meanwhile');
    expect([meanwhile.status, await codeOf(meanwhile)]).toEqual([503, 'ENGINE_CRASHED']);
    await vi.waitFor(async () => {
      expect((await ask(url, 'later')).status).toBe(200);
    });
    expect(runtimes.opened).toBe(2);
  });

  it('in the middle of a stream ends it with an error event', async () => {
    const { url } = await start();
    const image_url = { url: `data:image/png;base64,${DEADLY.toString('base64')}` };
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ stream: true, messages: [{ role: 'user', content: [{ type: 'image_url', image_url }] }] }),
    });
    const events = (await response.text()).trim().split('\n\n');
    expect(response.status).toBe(200);
    expect(JSON.parse((events.at(-1) ?? '').replace('data: ', ''))).toMatchObject({
      error: { code: 'ENGINE_CRASHED', type: 'server_error' },
    });
  });
});

it('closing finishes what was taken and takes no more', async () => {
  const { url, service } = await start({}, 5);
  const running = ask(url, 'running');
  await vi.waitFor(() => {
    expect(service.queue.running).toBe(1);
  });
  const closing = service.close();
  expect(await codeOf(await ask(url, 'too late'))).toBe('SHUTTING_DOWN');
  expect((await fetch(`${url}/ready`)).status).toBe(503);
  expect((await running).status).toBe(200);
  await closing;
});

describe('an Idempotency-Key', () => {
  const key = (name: string): { headers: Record<string, string> } => ({ headers: { 'idempotency-key': name } });

  it('is answered once, also while the first answer is being made', async () => {
    const { url, runtimes } = await start({}, 5);
    const [first, second] = await Promise.all([ask(url, 'once', key('k')), ask(url, 'once', key('k'))]);
    const third = await ask(url, 'once', key('k'));
    const bodies = await Promise.all([first, second, third].map((response) => response.text()));
    expect(new Set(bodies).size).toBe(1);
    expect(runtimes.asked).toEqual(['once']);
    expect((await ask(url, 'once', key('other'))).status).toBe(200);
    expect(runtimes.asked).toHaveLength(2);
  });

  it('is for one request, and a failure may be tried again', async () => {
    const { url } = await start();
    expect((await ask(url, 'die', { picture: DEADLY, ...key('k') })).status).toBe(503);
    expect((await ask(url, 'first', key('k'))).status).toBe(200);
    const other = await ask(url, 'second', key('k'));
    expect([other.status, await codeOf(other)]).toEqual([422, 'IDEMPOTENCY_MISMATCH']);
  });
});
