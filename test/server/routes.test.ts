import { readFile } from 'node:fs/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { form, testApp } from './support/null-app.js';

const PICTURE = Buffer.from('not looked at by the null runtime');
const server = await testApp();
const { app } = server;

afterAll(() => server.close());

const post = (url: string, { payload, headers }: ReturnType<typeof form>, more: Record<string, string> = {}) =>
  app.inject({ method: 'POST', url, payload, headers: { ...headers, ...more } });

describe('the routes of the seed', () => {
  it('captions', async () => {
    const response = await post('/caption', form({ max_length: '3' }, PICTURE));
    expect(response.statusCode).toBe(200);
    expect(response.json()).toMatchObject({ caption: 'null null null ', tokens: 3, finish_reason: 'length', model: 'null', lossy: [] });
    expect(response.json<{ latency: number }>().latency).toBeGreaterThan(0);
    expect(response.json<{ timings: object }>().timings).toMatchObject({ image_decode_ms: 1, preprocess_ms: 2, fetch_ms: 0 });
    expect(response.json<{ request_id: string }>().request_id).toBe(response.headers['x-request-id']);
  });

  it('answers a question', async () => {
    const response = await post('/vqa', form({ question: 'What is it?', max_length: '1' }, PICTURE));
    expect(response.json()).toMatchObject({ answer: 'null ', question: 'What is it?', tokens: 1 });
  });

  it('counts, as JSON and for Prometheus', async () => {
    await post('/caption', form({ max_length: '2' }, PICTURE));
    const json = (await app.inject('/metrics')).json<{ inference_metrics: Record<string, number>; system_metrics: object }>();
    expect(json.inference_metrics['total_inferences']).toBeGreaterThan(0);
    expect(json.inference_metrics['avg_latency']).toBeGreaterThan(0);
    expect(json.inference_metrics['early_exit_rate']).toBe(0);
    expect(json.system_metrics).toMatchObject({ avg_cpu_percent: 50, avg_memory_mb: 100, avg_temperature_celsius: null });
    const accepted = await app.inject({
      url: '/metrics',
      headers: { accept: 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5' },
    });
    const own = await app.inject('/metrics/prometheus');
    for (const { payload, headers } of [accepted, own]) {
      expect(headers['content-type']).toContain('text/plain');
      expect(payload).toMatch(/^edgevlm_inferences_total\{model="null"\} [1-9]/m);
      expect(payload).toMatch(/^edgevlm_model_ready\{model="null"\} 1$/m);
      expect(payload).not.toContain('temperature');
    }
  });

  it('says how it is', async () => {
    expect((await app.inject('/health')).json()).toMatchObject({
      status: 'healthy',
      model: { name: 'null', loaded: true },
      device: { status: 'ok' },
    });
    expect((await app.inject('/live')).statusCode).toBe(200);
    expect((await app.inject('/ready')).json()).toEqual({ status: 'ready' });
  });

  it('measures itself, saves the results and refuses a second benchmark beside', async () => {
    let begun: () => void = () => undefined;
    const running = new Promise<void>((resolve) => (begun = resolve));
    let end: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (end = resolve));
    const slow = await testApp({
      preparePicture: async (bytes) => {
        begun();
        await held;
        return { part: { type: 'picture', bytes }, bytes: 0, decode_ms: 0, preprocess_ms: 0 };
      },
    });
    const send = (num_runs: string) =>
      slow.app.inject({ method: 'POST', url: '/benchmark', ...form({ task_type: 'caption', num_runs }, PICTURE) });
    const first = send('5');
    await running;
    expect((await send('1')).json()).toMatchObject({ error: { code: 'BENCHMARK_BUSY' } });
    end();
    const results = (await first).json<Record<string, unknown>>();
    expect(results).toMatchObject({ task_type: 'caption', num_runs: 5, system_metrics: { avg_cpu_percent: 50, avg_memory_mb: 100 } });
    expect(results['inference_metrics']).toMatchObject({ total_inferences: 5, early_exit_rate: 0 });
    for (const name of ['avg_latency', 'p50_latency', 'p95_latency', 'p99_latency']) expect(results[name]).toBeGreaterThan(0);
    expect(JSON.parse(await readFile(slow.resultsFile, 'utf8'))).toEqual(results);
    expect((await send('1')).statusCode).toBe(200);
    await slow.close();
  });

  it('streams the progress of a benchmark', async () => {
    const body = form({ task_type: 'vqa', question: 'Why?', num_runs: '3' }, PICTURE);
    const { payload } = await post('/benchmark', body, { accept: 'text/event-stream' });
    expect(payload.match(/^event: progress$/gm)).toHaveLength(3);
    expect(payload).toContain('event: results\ndata: {"task_type":"vqa","num_runs":3,');
  });
});

describe('what is wrong with a form', () => {
  it.each([
    ['no picture', '/caption', form({}), 400, 'image'],
    ['an empty picture', '/caption', form({}, Buffer.alloc(0)), 400, 'image'],
    ['a length that is no number', '/caption', form({ max_length: '1e3' }, PICTURE), 400, 'max_length'],
    ['a length of nothing', '/caption', form({ max_length: '0' }, PICTURE), 400, 'max_length'],
    ['more tokens than allowed', '/caption', form({ max_length: '513' }, PICTURE), 400, 'max_length'],
    ['a field nobody knows', '/caption', form({ max_lenght: '5' }, PICTURE), 400, 'max_lenght'],
    ['no question', '/vqa', form({}, PICTURE), 400, 'question'],
    ['a decoding nobody knows', '/vqa', form({ question: 'q', decoding: 'magic' }, PICTURE), 400, 'decoding'],
    ['a task nobody knows', '/benchmark', form({ task_type: 'dance' }, PICTURE), 400, 'task_type'],
    ['a picture that is too large', '/caption', form({}, Buffer.alloc(100_001, 'x')), 413, 'picture'],
    ['a picture that is a text field', '/caption', form({ image: 'x' }), 400, 'image'],
  ])('%s is told', async (_, url, body, status, word) => {
    const response = await post(url, body);
    expect(response.statusCode).toBe(status);
    const { error } = response.json<{ error: { code: string; message: string; hint: string } }>();
    expect(error.message).toContain(word);
    expect(error.hint).not.toBe('');
    expect(Object.keys(error).sort()).toEqual(['code', 'hint', 'message']);
  });

  it.each([
    ['JSON where a form belongs', { 'content-type': 'application/json' }, '{}'],
    ['a form without a boundary', { 'content-type': 'multipart/form-data' }, 'x'],
    [
      'a form that ends early',
      { 'content-type': 'multipart/form-data; boundary=b' },
      '--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\nabc',
    ],
    ['something else', { 'content-type': 'application/x-www-form-urlencoded' }, 'image=1'],
    ['nothing', {}, ''],
  ])('%s is refused with a code', async (_, headers, payload) => {
    const response = await app.inject({ method: 'POST', url: '/caption', headers, payload });
    expect(response.statusCode).toBeGreaterThanOrEqual(400);
    expect(response.statusCode).toBeLessThan(500);
    expect(response.json<{ error: { code: string } }>().error.code).toMatch(/^[A-Z_]+$/);
  });

  it('an unknown route is told, without its query', async () => {
    const response = await app.inject('/nothing?key=secret');
    expect([response.statusCode, response.json<{ error: { code: string } }>().error.code]).toEqual([404, 'ROUTE_UNKNOWN']);
    expect(response.payload).not.toContain('secret');
  });
});

it('neither questions nor answers are in the log', async () => {
  await post('/vqa', form({ question: 'zanzibar?', max_length: '1' }, PICTURE));
  const text = server.log.join('\n');
  expect(text).toContain('route=/vqa');
  expect(text).not.toContain('zanzibar');
  expect(text).not.toContain('null null');
});

it('a request id is kept when it is harmless, and made when it is not', async () => {
  expect((await app.inject({ url: '/live', headers: { 'x-request-id': 'abc-1' } })).headers['x-request-id']).toBe('abc-1');
  const made = (await app.inject({ url: '/live', headers: { 'x-request-id': 'a b\tc' } })).headers['x-request-id'];
  expect(made).toMatch(/^[0-9a-f-]{36}$/);
});

it('a deadline must be a number', async () => {
  const response = await post('/caption', form({}, PICTURE), { 'x-deadline-ms': 'soon' });
  expect(response.statusCode).toBe(400);
  expect(response.payload).toContain('X-Deadline-Ms');
});

it.each([
  ['X-Lane', { 'x-lane': 'fastest' }],
  ['X-Source', { 'x-lane': 'freshest', 'x-source': 'front door' }],
])('%s must be one that there is', async (name, headers) => {
  const response = await post('/caption', form({}, PICTURE), headers);
  expect(response.statusCode).toBe(400);
  expect(response.payload).toContain(name);
});

it('describes itself in OpenAPI 3.1, every route with an operation id', async () => {
  const api = (await app.inject('/openapi.json')).json<{
    openapi: string;
    paths: Record<string, Record<string, { operationId?: string }>>;
  }>();
  expect(api.openapi).toBe('3.1.0');
  expect(Object.keys(api.paths).sort()).toEqual([
    '/benchmark',
    '/caption',
    '/health',
    '/live',
    '/metrics',
    '/metrics/prometheus',
    '/models',
    '/models/load',
    '/models/unload',
    '/ready',
    '/v1/chat/completions',
    '/v1/completions',
    '/v1/models',
    '/v1/models/{model}',
    '/vqa',
  ]);
  const operations = Object.values(api.paths).flatMap((path) => Object.values(path));
  expect(operations.every(({ operationId }) => operationId !== undefined)).toBe(true);
  expect((await app.inject('/docs/')).statusCode).toBe(200);
});
