import { once } from 'node:events';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import OpenAI from 'openai';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startCli } from '../cli/run-cli.js';
import { picture, type ShapesServer, startShapesServer } from './support/shapes-server.js';

const CAPTION = 'Describe the picture.';

const cwd = await mkdtemp(join(tmpdir(), 'edgevlm-serve-'));
let server: ShapesServer;
let url = '';
let client: OpenAI;

beforeAll(async () => {
  server = await startShapesServer(cwd);
  ({ url } = server);
  client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 });
});
afterAll(async () => {
  await server.stop();
});

async function post(path: string, fields: Readonly<Record<string, string>>, image: Uint8Array, init: RequestInit = {}): Promise<Response> {
  const body = new FormData();
  body.set('image', new Blob([image]), 'picture.png');
  for (const [name, value] of Object.entries(fields)) body.set(name, value);
  return fetch(`${url}${path}`, { method: 'POST', body, ...init });
}

async function captionOf(image: Uint8Array): Promise<string> {
  const response = await post('/caption', { max_length: '48' }, image);
  const body: unknown = await response.json();
  expect([response.status, body]).toEqual([200, expect.objectContaining({ caption: expect.any(String) as string })]);
  return (body as { caption: string }).caption;
}

const dataUrl = (bytes: Buffer): string => `data:image/png;base64,${bytes.toString('base64')}`;
/** Keeps the model busy for as many tokens as there are letters, whatever it would say. */
const LONG = 'root ::= [a-z]{400}';
const longAnswer = (image: Buffer, init: RequestInit = {}): Promise<Response> =>
  fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ messages: asked(image, 'zanzibar?'), max_tokens: 400, grammar: LONG }),
    ...init,
  });
const asked = (bytes: Buffer, text = CAPTION): OpenAI.ChatCompletionMessageParam[] => [
  {
    role: 'user',
    content: [
      { type: 'image_url', image_url: { url: dataUrl(bytes) } },
      { type: 'text', text },
    ],
  },
];

describe('the model in the box, served', () => {
  it('captions and answers as the seed says, and counts', async () => {
    const image = await picture(0);
    const caption: unknown = await (await post('/caption', { max_length: '48' }, image)).json();
    expect(caption).toMatchObject({ model: expect.any(String) as string, lossy: [], finish_reason: expect.any(String) as string });
    const { latency, tokens, timings } = caption as { latency: number; tokens: number; timings: Record<string, number> };
    expect(latency).toBeGreaterThan(0);
    expect(tokens).toBeGreaterThan(0);
    for (const stage of ['image_decode_ms', 'preprocess_ms', 'encode_ms', 'prefill_ms', 'decode_ms'])
      expect([stage, timings[stage]]).toEqual([stage, expect.any(Number)]);
    const answer: unknown = await (await post('/vqa', { question: 'What colour is the square?', max_length: '8' }, image)).json();
    expect((answer as { answer: string }).answer).not.toBe('');
    const metrics: unknown = await (await fetch(`${url}/metrics`)).json();
    const { inference_metrics: inference, system_metrics: system } = metrics as Record<string, Record<string, number>>;
    expect(inference?.['total_inferences']).toBeGreaterThanOrEqual(2);
    expect(inference?.['avg_tokens_per_second']).toBeGreaterThan(0);
    if (process.platform === 'linux') expect(system?.['avg_memory_mb']).toBeGreaterThan(50);
  });

  it("gives OpenAI's client the same answer, at once and streamed", async () => {
    const image = await picture(1);
    const caption = await captionOf(image);
    const answer = await client.chat.completions.create({ model: 'shapes-f16.gguf', messages: asked(image), max_completion_tokens: 48 });
    expect(answer.choices[0]?.message.content).toBe(caption);
    let text = '';
    for await (const { choices } of await client.chat.completions.create({
      model: '',
      messages: asked(image),
      max_completion_tokens: 48,
      stream: true,
    })) {
      text += choices[0]?.delta.content ?? '';
    }
    expect(text).toBe(caption);
  });

  it('tells how likely its tokens were: the greedy one is the likeliest, at once and streamed', async () => {
    const asking = { model: '', messages: asked(await picture(1)), max_completion_tokens: 12, logprobs: true, top_logprobs: 2 };
    const answer = await client.chat.completions.create(asking);
    const content = answer.choices[0]?.logprobs?.content ?? [];
    expect(content).toHaveLength(answer.usage?.completion_tokens ?? NaN);
    expect(
      Buffer.from(content.flatMap(({ bytes }) => bytes ?? []))
        .toString()
        .trimStart(),
    ).toBe(answer.choices[0]?.message.content);
    for (const { token, logprob, top_logprobs: top } of content) {
      expect([top.length, top[0]?.token, top[0]?.logprob]).toEqual([2, token, logprob]);
      expect(Math.exp(logprob) + Math.exp(top[1]?.logprob ?? NaN)).toBeLessThanOrEqual(1.000_001);
    }
    const streamed: number[] = [];
    for await (const { choices } of await client.chat.completions.create({ ...asking, stream: true })) {
      streamed.push(...(choices[0]?.logprobs?.content ?? []).map(({ logprob }) => logprob));
    }
    expect(streamed).toHaveLength(content.length);
    for (const [i, { logprob }] of content.entries()) expect(streamed[i]).toBeCloseTo(logprob, 3);
  });

  it('obeys a JSON Schema', async () => {
    const schema = { type: 'object', properties: { colour: { enum: ['red', 'blue'] } }, required: ['colour'], additionalProperties: false };
    const answer = await client.chat.completions.create({
      model: '',
      messages: asked(await picture(2), 'What colour is it?'),
      max_completion_tokens: 40,
      response_format: { type: 'json_schema', json_schema: { name: 'colour', schema, strict: true } },
    });
    expect(JSON.parse(answer.choices[0]?.message.content ?? '')).toEqual({ colour: expect.stringMatching(/^(red|blue)$/) as string });
  });

  it('gives eight clients at once what it gives them one after the other', async () => {
    const images = await Promise.all(Array.from({ length: 8 }, (_, index) => picture(index + 10)));
    const alone: string[] = [];
    for (const image of images) alone.push(await captionOf(image));
    expect(await Promise.all(images.map(captionOf))).toEqual(alone);
  });

  it('survives pictures that are none', async () => {
    const good = await picture(3);
    const bad: [Uint8Array, string][] = [
      [Buffer.from('hello'), 'IMAGE_UNSUPPORTED'],
      [Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), 'IMAGE_UNSUPPORTED'],
      [good.subarray(0, good.length / 2), 'IMAGE_CORRUPT'],
      [
        await sharp({ create: { width: 9000, height: 9000, channels: 3, background: 'red' } })
          .png()
          .toBuffer(),
        'IMAGE_TOO_LARGE',
      ],
    ];
    for (const [bytes, code] of bad) {
      const response = await post('/caption', {}, bytes);
      const body: unknown = await response.json();
      expect([response.status >= 400 && response.status < 500, (body as { error: { code: string } }).error.code]).toEqual([true, code]);
    }
    expect((await fetch(`${url}/health`)).status).toBe(200);
  });

  it.runIf(process.platform === 'linux')('loses only the requests in flight when its engine is killed', async () => {
    const image = await picture(4);
    const before = await captionOf(image);
    const long = { model: '', messages: asked(image), max_completion_tokens: 400, stream: true as const, grammar: LONG };
    const stream = await client.chat.completions.create(long);
    let pieces = 0;
    const reading = (async () => {
      for await (const { choices } of stream) {
        pieces += choices.length;
        if (pieces === 2) process.kill(await server.enginePid(), 'SIGKILL');
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: 'ENGINE_CRASHED' });
    expect(await captionOf(image)).toBe(before);
    expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ status: 'healthy', model: { restarts: 1 } });
  });

  it.runIf(process.platform === 'linux')('is back before anybody asks when its engine is killed while idle', async () => {
    process.kill(await server.enginePid(), 'SIGKILL');
    await vi.waitFor(
      async () => {
        expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ model: { state: 'ready', restarts: 2 } });
      },
      { timeout: 30_000, interval: 100 },
    );
    await captionOf(await picture(5));
  });

  it('stops working for clients that leave', async () => {
    const image = await picture(6);
    for (let round = 0; round < 4; round++) {
      const abort = new AbortController();
      const request = longAnswer(image, { signal: abort.signal });
      await sleep(50);
      abort.abort();
      await expect(request).rejects.toThrow();
    }
    await vi.waitFor(async () => {
      expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ queue: { running: 0, waiting: 0 } });
    });
    await captionOf(image);
  });

  it('measures itself into benchmarks/results.json', async () => {
    const response = await post('/benchmark', { task_type: 'caption', num_runs: '3', max_length: '16' }, await picture(7));
    const results: unknown = await response.json();
    expect(results).toMatchObject({
      task_type: 'caption',
      num_runs: 3,
      inference_metrics: { total_inferences: 3, total_cached_tokens: 0 },
    });
    expect(JSON.parse(await readFile(join(cwd, 'benchmarks', 'results.json'), 'utf8'))).toEqual(results);
  });
});

it('SIGTERM finishes what was taken, ends with 0 and leaves a log without questions', async () => {
  const running = longAnswer(await picture(8));
  await vi.waitFor(async () => {
    expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ queue: { running: 1 } });
  });
  expect(await server.stop()).toBe(0);
  expect((await running).status).toBe(200);
  const log = await readFile(join(cwd, 'logs', 'edgevlm.log'), 'utf8');
  expect(log).toMatch(/ INFO request .*route=\/v1\/chat\/completions status=200/);
  expect(log).not.toContain('zanzibar');
});

it('listens where others reach it only with a key, or when that is insisted on', async () => {
  const child = startCli(['serve', '--host', '0.0.0.0', '--port', '0'], { cwd });
  await once(child, 'close');
  expect(child.exitCode).toBe(64);
});
