import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { EdgeVlmError } from '../../src/core/errors.js';
import type { GenerateRequest, GenerateResult } from '../../src/core/generator.js';
import type { RuntimeSpec } from '../../src/core/runtime.js';
import { openAiHttpRuntime } from '../../src/runtimes/openai-http/openai-http-runtime.js';
import { scenePng } from './support/scene-png.js';

interface Seen {
  readonly url: string;
  readonly authorization: string | undefined;
  readonly body: Record<string, unknown>;
}

const PNG = await scenePng(0);
const PROMPT: GenerateRequest = { input: { prompt: 'Once' }, maxTokens: 4 };
const CHAT: GenerateRequest = {
  input: {
    messages: [
      {
        role: 'user',
        content: [
          { type: 'picture', bytes: PNG },
          { type: 'text', text: 'What?' },
        ],
      },
    ],
  },
  maxTokens: 4,
};
const event = (value: object | string): string => `data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`;
const text = (piece: string, finish_reason: string | null = null): string => event({ choices: [{ text: piece, finish_reason }] });
const DONE = event('[DONE]');

const seen: Seen[] = [];
let models: object = {};
let reply: (response: ServerResponse, request: IncomingMessage) => void = () => undefined;
let server: Server;
let url = '';

beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (request.url?.endsWith('/models') === true) return response.end(JSON.stringify(models));
      const body = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
      seen.push({ url: request.url ?? '', authorization: request.headers.authorization, body });
      reply(response, request);
      return undefined;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
afterEach(() => {
  seen.length = 0;
  models = {};
  vi.unstubAllEnvs();
});

async function ask(request: GenerateRequest, spec: Partial<RuntimeSpec> = {}, signal?: AbortSignal): Promise<GenerateResult> {
  const { generator } = await openAiHttpRuntime.open({ model: '', device: 'cpu', quantization: 'none', url, ...spec });
  for await (const event of generator.generate(request, signal)) if (event.type === 'done') return event.result;
  throw new Error('the stream ended without a result');
}

/** The server says this and nothing else. */
function says(...parts: (string | Uint8Array)[]): void {
  reply = (response) => {
    for (const part of parts) response.write(part);
    response.end();
  };
}

describe('how likely tokens were', () => {
  const chance = (token: string, logprob: number, id?: number) => ({
    token,
    logprob,
    bytes: [...Buffer.from(token)],
    ...(id !== undefined && { id }),
  });
  const content = [
    { ...chance('a', -0.5, 7), top_logprobs: [chance('a', -0.5, 7), chance('b', -1.5, 8)] },
    { ...chance('', -0.1, 2), top_logprobs: [chance('', -0.1, 2)] },
  ];

  test('is asked of chats and prompts, told as the server tells it, and not of the token that ends the answer', async () => {
    models = { data: [{ id: 'm', owned_by: 'llamacpp' }] };
    says(event({ choices: [{ text: 'a', logprobs: { content }, finish_reason: 'stop' }] }), DONE);
    const answer = await ask({ ...PROMPT, logprobs: 1 });
    const first = { token: 7, logprob: -0.5, bytes: Uint8Array.of(97) };
    expect(answer.logprobs).toEqual([{ ...first, top: [first] }]);
    says(event({ choices: [{ delta: { content: 'a' }, logprobs: { content, refusal: null }, finish_reason: 'stop' }] }), DONE);
    expect((await ask({ ...CHAT, logprobs: 2 })).logprobs?.[0]?.top).toHaveLength(2);
    expect(seen[0]?.body).toMatchObject({ logprobs: 1 });
    expect(seen[1]?.body).toMatchObject({ logprobs: true, top_logprobs: 2 });
    await ask(CHAT);
    expect(seen[2]?.body).not.toHaveProperty('logprobs');
  });

  test('is left out with a warning where the server does not tell it', async () => {
    says(text('a', 'stop'), DONE);
    const { logprobs, warnings } = await ask({ ...PROMPT, logprobs: 0 });
    expect([logprobs, warnings]).toEqual([[], [expect.stringContaining('how likely')]]);
  });
});

describe('what a server is asked', () => {
  test('a prompt goes to completions as it is, a chat with its pictures to chat completions', async () => {
    says(text('a', 'stop'), DONE);
    await ask(PROMPT, { apiModel: 'alias' });
    says(event({ choices: [{ delta: { content: 'a' }, finish_reason: 'stop' }] }), DONE);
    await ask(CHAT, { url: `${url}/v1/chat/completions` });
    expect(seen.map((request) => request.url)).toEqual(['/v1/completions', '/v1/chat/completions']);
    expect(seen[0]?.body).toMatchObject({ model: 'alias', prompt: 'Once', max_tokens: 4, temperature: 0, stream: true });
    expect(seen[0]?.body).not.toHaveProperty('top_k');
    const image_url = { url: `data:image/png;base64,${Buffer.from(PNG).toString('base64')}` };
    expect(seen[1]?.body['messages']).toEqual([
      {
        role: 'user',
        content: [
          { type: 'image_url', image_url },
          { type: 'text', text: 'What?' },
        ],
      },
    ]);
  });

  test('the model is the one named, else the first that is listed, and may be left out', async () => {
    says(text('a', 'stop'), DONE);
    models = { data: [{ id: 'first', owned_by: 'llamacpp' }, { id: 'second' }] };
    await ask(PROMPT);
    await ask({ ...PROMPT, reuse: false }, { apiModel: 'second' });
    await ask(PROMPT, { apiModel: null });
    expect(seen.map(({ body }) => body['model'])).toEqual(['first', 'second', undefined]);
    // llama.cpp's own words go to servers that know them only.
    expect(seen.map(({ body }) => body['cache_prompt'])).toEqual([true, undefined, true]);
    models = { data: [{ id: 'shapes', owned_by: 'edgevlm' }] };
    await ask({ ...PROMPT, reuse: false });
    expect(seen.at(-1)?.body['cache_prompt']).toBe(false);
  });

  test('the key goes along, and the address may not hold one', async () => {
    vi.stubEnv('EDGEVLM_API_KEY', 'secret');
    says(text('a', 'stop'), DONE);
    await ask(PROMPT);
    expect(seen[0]?.authorization).toBe('Bearer secret');
    await expect(ask(PROMPT, { url: 'http://user:secret@127.0.0.1' })).rejects.toSatisfy(
      (error: EdgeVlmError) => error.code === 'USAGE' && !error.message.includes('secret'),
    );
    await expect(ask(PROMPT, { url: 'ftp://127.0.0.1' })).rejects.toMatchObject({ code: 'USAGE' });
  });

  test('what it has no words for is said', async () => {
    says(text('a', 'stop'), DONE);
    const { warnings } = await ask({ ...PROMPT, sampling: { temperature: 1, repeatPenalty: 2 }, reuse: false });
    expect(warnings).toEqual([expect.stringContaining('topK, minP, repeatPenalty, reuse')]);
  });
});

describe('what it answers', () => {
  test('is counted by its own account, and where it has none by pieces', async () => {
    const usage = { prompt_tokens: 3, completion_tokens: 5, prompt_tokens_details: { cached_tokens: 2 } };
    says(text('a '), text(''), text('b', 'length'), event({ choices: [], usage }), DONE);
    expect(await ask(PROMPT)).toMatchObject({ text: 'a b', finishReason: 'length', promptTokens: 3, completionTokens: 5, cachedTokens: 2 });
    says(text('a '), text('b', 'content_filter'), DONE);
    const { timings, ...result } = await ask(PROMPT);
    expect(result).toMatchObject({ text: 'a b', finishReason: 'stop', promptTokens: null, completionTokens: 2, cachedTokens: null });
    expect(timings).toMatchObject({ prefill_ms: null, decode_ms: null });
  });

  test('brings the timings of llama.cpp, and no more than numbers', async () => {
    const timings = { prompt_ms: 2, predicted_ms: 3, cache_n: 1, predicted_n: 9, note: 'x', 'not a name': 1 };
    says(text('a', 'stop'), event({ choices: [], timings }), DONE);
    const result = await ask(PROMPT);
    expect(result.serverTimings).toEqual({ prompt_ms: 2, predicted_ms: 3, cache_n: 1, predicted_n: 9 });
    expect(result).toMatchObject({ cachedTokens: 1, completionTokens: 9, timings: { prefill_ms: 2, decode_ms: 3 } });
  });

  test.each<[what: string, parts: string[], code: string]>([
    ['an end without a reason', [text('a')], 'SERVER_AWAY'],
    ['nothing', [], 'SERVER_AWAY'],
    ['an error in the stream', [text('a'), event({ error: { message: 'no memory' } })], 'SERVER_REFUSED'],
    ['events of another kind', [event({ choices: 'none' })], 'SERVER_REFUSED'],
    ['events that are no JSON', [event('hello')], 'SERVER_REFUSED'],
  ])('that is %s is an error with a code', async (_, parts, code) => {
    says(...parts);
    await expect(ask(PROMPT)).rejects.toMatchObject({ code });
  });

  test.each<[status: number, body: string, code: string, words: string]>([
    [401, '{"error":{"message":"Invalid API Key"}}', 'SERVER_REFUSED', 'Invalid API Key'],
    [400, '{"error":{"type":"exceed_context_size_error","message":"too long"}}', 'CONTEXT_FULL', 'too long'],
    [404, '<html>', 'SERVER_REFUSED', '404'],
    [503, '{"error":"Loading model"}', 'SERVER_AWAY', 'Loading model'],
    [302, '', 'SERVER_REFUSED', '302'],
  ])('with status %i is an error with its words', async (status, body, code, words) => {
    reply = (response) => response.writeHead(status, { location: '/elsewhere' }).end(body);
    await expect(ask(PROMPT)).rejects.toMatchObject({ code, message: expect.stringContaining(words) as string });
  });

  test('may be anything: it ends in a result or in an error with a code', async () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.json().map((json) => Buffer.from(event(json))),
      fc.anything().map((value) => Buffer.from(event({ choices: [{ text: value, delta: value, finish_reason: value }], usage: value }))),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 8 }), async (parts) => {
        says(...parts);
        const outcome = await ask(PROMPT).catch((thrown: unknown) => thrown);
        if (outcome instanceof Error) expect(outcome).toBeInstanceOf(EdgeVlmError);
        if (outcome instanceof EdgeVlmError) expect(['SERVER_AWAY', 'SERVER_REFUSED']).toContain(outcome.code);
      }),
      { numRuns: 60 },
    );
  });
});

test('nobody there is told as that', async () => {
  const gone = createServer();
  await new Promise<void>((resolve) => gone.listen(0, '127.0.0.1', resolve));
  const { port } = gone.address() as AddressInfo;
  await new Promise((resolve) => gone.close(resolve));
  await expect(ask(PROMPT, { url: `http://127.0.0.1:${port}` })).rejects.toMatchObject({
    code: 'SERVER_AWAY',
    message: expect.stringContaining('ECONNREFUSED') as string,
  });
});

test('a cancel hangs up', async () => {
  const abort = new AbortController();
  const hungUp = new Promise<void>((resolve) => {
    reply = (response) => {
      response.on('close', () => {
        resolve();
      });
      response.write(text('a'));
      abort.abort();
    };
  });
  expect(await ask(PROMPT, {}, abort.signal)).toMatchObject({ finishReason: 'cancelled' });
  await hungUp;
});
