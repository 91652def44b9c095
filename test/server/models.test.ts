import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { EdgeVlmError } from '../../src/core/errors.js';
import type { LoadRequest, ModelShelf } from '../../src/serving/model-shelf.js';
import { runCli } from '../cli/run-cli.js';
import { form, nullModel, testApp } from './support/null-app.js';
import { DEADLY, ScriptedRuntimes } from './support/scripted-runtime.js';
import { picture, type ShapesServer, startShapesServer } from './support/shapes-server.js';

const SHAPES = fileURLToPath(new URL('../../models/shapes', import.meta.url));
const FIRST = 'shapes-f16.gguf';
/** Holds two models of this size, not three: some 240 MiB each. */
const BUDGET = '600M';
/** Keeps a model busy for as many tokens as there are letters. */
const LETTERS = 150;

const cwd = await mkdtemp(join(tmpdir(), 'edgevlm-models-'));
const folder = join(cwd, 'more');
let server: ShapesServer;
let url = '';
let image: Buffer;

beforeAll(async () => {
  await mkdir(folder);
  await copyFile(join(SHAPES, 'mmproj-shapes-f16.gguf'), join(folder, 'mmproj-shapes-f16.gguf'));
  const quantise = ['models', 'quantise', join(SHAPES, FIRST), join(folder, 'shapes-q8_0.gguf'), '--type', 'q8_0', '--threads', '1'];
  expect(await runCli(quantise, { cwd })).toMatchObject({ code: 0 });
  await symlink(join(SHAPES, FIRST), join(folder, 'leads-out.gguf'));
  server = await startShapesServer(cwd, ['--models-dir', folder, '--memory-budget', BUDGET]);
  ({ url } = server);
  image = await picture(0);
});
afterAll(async () => {
  await server.stop();
});

interface Row {
  readonly id: string;
  readonly state: string | null;
  readonly status: { readonly value: string };
  readonly pids: number[];
  readonly restarts: number;
}

async function rows(): Promise<Row[]> {
  const list: unknown = await (await fetch(`${url}/models`)).json();
  return (list as { data: Row[] }).data;
}

async function row(id: string): Promise<Row | undefined> {
  return (await rows()).find((one) => one.id === id);
}

async function post(path: string, body: object): Promise<{ status: number; body: unknown }> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: response.status, body: await response.json() };
}

/** Machines that do other things too take their time. */
const eventually = (check: () => Promise<void>): Promise<void> => vi.waitFor(check, { timeout: 30_000, interval: 50 });

const refusal = (code: string): unknown => expect.objectContaining({ error: expect.objectContaining({ code }) as unknown });

async function caption(model: string): Promise<{ caption: string; precision: string }> {
  const body = new FormData();
  body.set('image', new Blob([image]), 'picture.png');
  body.set('model', model);
  const response = await fetch(`${url}/caption`, { method: 'POST', body });
  const answer: unknown = await response.json();
  expect([response.status, answer]).toEqual([200, expect.objectContaining({ caption: expect.any(String) as string })]);
  return answer as { caption: string; precision: string };
}

/** A stream that runs for a while. Resolves with its letters when the last event came; fails where it was broken off. */
async function longStream(model: string): Promise<number> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      ...{ model, stream: true, max_tokens: LETTERS, grammar: `root ::= [a-z]{${LETTERS}}` },
      messages: [{ role: 'user', content: [{ type: 'text', text: 'Tell.' }] }],
    }),
  });
  const text = await response.text();
  expect([response.status, text.endsWith('data: [DONE]\n\n')]).toEqual([200, true]);
  const events = text.split('\n\n').filter((event) => event.startsWith('data: {'));
  const pieces = events.map((event) => JSON.parse(event.slice(6)) as { choices?: { delta: { content?: string } }[] });
  return pieces.map(({ choices = [] }) => choices[0]?.delta.content ?? '').join('').length;
}

describe('a server with several models', () => {
  it('lists what could be loaded: files of its folder and the catalogue, nothing that a link leads to outside', async () => {
    const all = await rows();
    const names = all.map(({ id }) => id);
    expect(names).toEqual(expect.arrayContaining([FIRST, 'shapes-q8_0', 'shapes']));
    expect(names).not.toContain('leads-out');
    expect(all[0]).toMatchObject({ id: FIRST, status: { value: 'loaded' }, state: 'ready', pids: [expect.any(Number)] });
  });

  it.each(['leads-out', 'leads-out.gguf', '../more/shapes-q8_0', '/etc/passwd', `${SHAPES}/shapes-f16.gguf`, '..', '__proto__'])(
    'loads no %s',
    async (model) => {
      expect(await post('/models/load', { model })).toEqual({ status: 404, body: refusal('MODEL_UNKNOWN') });
    },
  );

  it('takes vision halves from beside the model alone, and no damaged file', async () => {
    await symlink(join(SHAPES, 'mmproj-shapes-f16.gguf'), join(folder, 'mmproj-link.gguf'));
    const load = (more: object): Promise<unknown> => post('/models/load', { model: 'shapes-q8_0', name: 'half', ...more });
    expect(await load({ mmproj: '../more/mmproj-shapes-f16.gguf' })).toEqual({ status: 400, body: refusal('REQUEST_INVALID') });
    for (const mmproj of ['mmproj-link.gguf', 'absent.gguf']) {
      expect(await load({ mmproj })).toEqual({ status: 400, body: refusal('FILE_NOT_FOUND') });
    }
    await rm(join(folder, 'mmproj-link.gguf'));
    expect(await load({ draft: '..' })).toEqual({ status: 404, body: refusal('MODEL_UNKNOWN') });
    await writeFile(join(folder, 'damaged.gguf'), 'GGUF, but not for long');
    const answer = await post('/models/load', { model: 'damaged' });
    expect([answer.status, answer.body]).toEqual([422, refusal('LOAD_ERROR')]);
    await rm(join(folder, 'damaged.gguf'));
  });

  it('loads a second precision beside the first, and each answers who names it', async () => {
    const { status, body } = await post('/models/load', { model: 'shapes-q8_0' });
    expect([status, body]).toEqual([200, { success: true, model: 'shapes-q8_0', state: 'ready', how: 'new' }]);
    expect([(await caption('')).precision, (await caption(FIRST)).precision, (await caption('shapes-q8_0')).precision]).toEqual([
      ...['F16', 'F16', 'Q8_0'],
    ]);
    const listed: unknown = await (await fetch(`${url}/v1/models`)).json();
    expect((listed as { data: { id: string }[] }).data.map(({ id }) => id)).toEqual([FIRST, 'shapes-q8_0']);
    const chat = await post('/v1/chat/completions', {
      model: 'shapes-q8_0',
      messages: [{ role: 'user', content: 'Hello.' }],
      max_tokens: 2,
    });
    expect(chat).toMatchObject({ status: 200, body: { model: 'shapes-q8_0' } });
    expect(await post('/models/load', { model: 'shapes-q8_0' })).toMatchObject({ body: { how: 'unchanged' } });
  });

  it('refuses what memory does not hold before anything is started, and says what could go', async () => {
    const before = (await rows()).flatMap(({ pids }) => pids);
    const { status, body } = await post('/models/load', { model: 'shapes-q8_0', name: 'third' });
    expect([status, body]).toEqual([507, refusal('MEMORY_BUDGET')]);
    const { message } = (body as { error: { message: string } }).error;
    expect(message).toMatch(
      /^third needs \d+ bytes of memory, \d+ are free; could be unloaded: shapes-f16\.gguf \(\d+ bytes\), shapes-q8_0 \(/,
    );
    expect((await rows()).flatMap(({ pids }) => pids)).toEqual(before);
  });

  it.runIf(process.platform === 'linux')('goes on with one when the process of another is killed', async () => {
    const before = await caption('shapes-q8_0');
    const running = longStream(FIRST);
    process.kill((await row('shapes-q8_0'))?.pids[0] ?? NaN, 'SIGKILL');
    expect(await running).toBe(LETTERS);
    await eventually(async () => {
      expect(await row('shapes-q8_0')).toMatchObject({ state: 'ready', restarts: 1 });
    });
    expect((await caption('shapes-q8_0')).caption).toBe(before.caption);
    expect(await row(FIRST)).toMatchObject({ restarts: 0 });
  });

  it.each([
    ['after it has finished, where memory does not hold both', 'after'],
    ['beside it, where memory holds both', 'beside'],
  ])('exchanges a model %s, and loses no request', async (_, how) => {
    const [model, precision] = how === 'after' ? ['shapes-q8_0', 'Q8_0'] : ['shapes', 'F16'];
    if (how === 'beside') expect(await post('/models/unload', { model: 'shapes-q8_0' })).toMatchObject({ status: 200 });
    let isExchanged = false;
    // One after the other, so that some are in flight whenever the models change places.
    const streaming = Promise.all(
      Array.from({ length: 4 }, async () => {
        for (let count = 1; ; count++) {
          expect(await longStream(FIRST)).toBe(LETTERS);
          if (isExchanged) return count;
        }
      }),
    );
    await eventually(async () => {
      expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ queue: { running: 4 } });
    });
    const load = post('/models/load', { model, name: FIRST }).finally(() => (isExchanged = true));
    const captions = Promise.all(Array.from({ length: 3 }, () => caption(FIRST)));
    const [answer, counts] = await Promise.all([load, streaming, captions]);
    expect(answer).toMatchObject({ status: 200, body: { model: FIRST, how } });
    expect(Math.min(...counts)).toBeGreaterThan(0);
    expect((await caption('')).precision).toBe(precision);
    await eventually(async () => {
      expect((await rows()).filter(({ id }) => id === FIRST)).toMatchObject([{ state: 'ready' }]);
    });
  });

  it('that were all unloaded has nothing to answer with until one is loaded again', async () => {
    expect(await post('/models/unload', { model: FIRST })).toMatchObject({ status: 200 });
    expect((await fetch(`${url}/ready`)).status).toBe(503);
    expect(await post('/v1/completions', { prompt: 'a' })).toEqual({ status: 404, body: refusal('MODEL_UNKNOWN') });
    expect(await post('/models/load', { model: FIRST, wait: false })).toMatchObject({
      status: 202,
      body: { state: 'loading', how: 'new' },
    });
    expect((await caption('')).precision).toBe('F16');
    expect((await fetch(`${url}/ready`)).status).toBe(200);
  });
});

it('only programs of this machine manage a server without keys', async () => {
  const server = await testApp();
  const { app } = server;
  for (const path of ['/models/load', '/models/unload']) {
    const { statusCode, body } = await app.inject({ method: 'POST', url: path, payload: { model: 'null' }, remoteAddress: '10.0.0.9' });
    expect([statusCode, JSON.parse(body)]).toEqual([403, refusal('FORBIDDEN')]);
  }
  expect((await app.inject({ method: 'POST', url: '/models/unload', payload: { model: 'null' } })).statusCode).toBe(200);
  await server.close();
});

it('health and metrics tell of each model', async () => {
  const server = await testApp({ memoryBudget: 10_000 });
  const { app, service } = server;
  const runtimes = new ScriptedRuntimes();
  await service.models.load(nullModel('second', { open: runtimes.open })).done;
  const broken = nullModel('broken', { open: () => Promise.reject(new EdgeVlmError('GGUF_TRUNCATED', 'it ends early')) });
  await expect(service.models.load(broken).done).rejects.toMatchObject({ code: 'GGUF_TRUNCATED' });
  const ask = async (fields: Record<string, string>, bytes = Buffer.from('harmless')): Promise<number> =>
    (await app.inject({ method: 'POST', url: '/caption', ...form(fields, bytes) })).statusCode;
  expect([await ask({}), await ask({ model: 'second.gguf' }), await ask({ model: 'third' })]).toEqual([200, 200, 404]);

  runtimes.failures = 1000;
  expect(await ask({ model: 'second' }, DEADLY)).toBe(503);
  const health = await app.inject('/health');
  expect([health.statusCode, health.json()]).toEqual([
    200,
    expect.objectContaining({
      status: 'degraded',
      model: { name: 'null', state: 'ready', loaded: true, restarts: 0 },
      models: [expect.objectContaining({ name: 'null' }), { name: 'second', state: 'restarting', loaded: false, restarts: 0 }],
    }),
  ]);
  expect([(await app.inject('/ready')).statusCode, await ask({})]).toEqual([200, 200]);
  expect((await app.inject('/metrics')).json()).toMatchObject({
    inference_metrics: { total_inferences: 3, failed_inferences: 2 },
    models: [
      { name: 'null', state: 'ready', planned_bytes: 1000 },
      { name: 'second', state: 'restarting' },
    ],
  });
  const { payload } = await app.inject('/metrics/prometheus');
  for (const line of [
    'edgevlm_inferences_total{model="null"} 2',
    'edgevlm_inferences_total{model="second"} 1',
    'edgevlm_inference_failures_total{code="MODEL_UNKNOWN",model=""} 1',
    'edgevlm_inference_failures_total{code="ENGINE_CRASHED",model="second"} 1',
    'edgevlm_model_ready{model="null"} 1',
    'edgevlm_model_ready{model="second"} 0',
    'edgevlm_model_bytes{model="second"} 1000',
  ]) {
    expect(payload.split('\n')).toContain(line);
  }
  expect((await app.inject('/models')).json()).toMatchObject({
    data: [
      { id: 'null' },
      { id: 'second' },
      { id: 'broken', status: { value: 'unloaded', failed: true }, error: { code: 'GGUF_TRUNCATED' } },
    ],
    memory: { budget: 10_000, free_bytes: 8000 },
  });
  await server.close();
});

it('what a draft sees of pictures is said with the draft, or not at all', async () => {
  const asked: LoadRequest[] = [];
  const shelf: ModelShelf = {
    list: () => Promise.resolve([]),
    find: (request) => {
      asked.push(request);
      return Promise.resolve(nullModel('drafted'));
    },
  };
  const drafted = await testApp({ shelf });
  const load = async (payload: object): Promise<unknown> =>
    (await drafted.app.inject({ method: 'POST', url: '/models/load', payload })).json();
  try {
    expect(await load({ model: 'a', draft: 'b', draft_view: 'image-tokens' })).toMatchObject({ success: true, model: 'drafted' });
    expect(asked).toEqual([{ model: 'a', draft: 'b', draftView: 'image-tokens' }]);
    for (const body of [{ draft_view: 'words' }, { draft: 'b', draft_view: 'pixels' }]) {
      expect(await load({ model: 'a', ...body })).toEqual(refusal('REQUEST_INVALID'));
    }
    expect(asked).toHaveLength(1);
  } finally {
    await drafted.close();
  }
});
