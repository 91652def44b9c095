import { afterAll, describe, expect, it } from 'vitest';
import type { DecodingOptions } from '../../src/core/decoding.js';
import type { GenerateRequest } from '../../src/core/generator.js';
import type { OpenRuntime } from '../../src/core/runtime.js';
import { nullRuntime } from '../../src/runtimes/null/null-runtime.js';
import { form, testApp } from './support/null-app.js';

/** What the model was asked, newest last. */
const asked: GenerateRequest[] = [];

async function open(): Promise<OpenRuntime> {
  const runtime = await nullRuntime.open({ model: '', device: 'cpu', quantization: 'none' });
  const { generator } = runtime;
  return {
    ...runtime,
    generator: {
      description: { ...generator.description, policies: { cache: 'gear', imageTokens: 8 } },
      generate: (request, signal) => {
        asked.push(request);
        return generator.generate(request, signal);
      },
      close: () => generator.close(),
    },
  };
}

const warnings = ['config.yaml:3:5: no token leaves after 20'];
/** Pictures are as far apart as their first bytes. */
const server = await testApp({
  open,
  warnings,
  apiKeys: ['mine', 'yours'],
  limits: { imageBytes: 100_000, images: 4, maxTokens: 512, defaultTokens: 8, defaultSampling: { temperature: 0.7, topP: 0.9 } },
  preparePicture: (bytes) =>
    Promise.resolve({
      part: { type: 'picture', bytes },
      decode_ms: 0,
      preprocess_ms: 0,
      bytes: 0,
      fingerprint: () => Promise.resolve({ width: 1, height: 1, cells: bytes.subarray(0, 1) }),
    }),
});
afterAll(() => server.close());

async function post(url: string, fields: Readonly<Record<string, string>>, image: Uint8Array = Buffer.from('p'), key = 'mine') {
  const { payload, headers } = form(fields, image);
  const response = await server.app.inject({ method: 'POST', url, payload, headers: { ...headers, 'x-api-key': key } });
  return {
    status: response.statusCode,
    body: response.json<Record<string, unknown> & { error?: { code: string; message: string; hint: string } }>(),
  };
}

async function chat(more: object, key = 'mine') {
  const response = await server.app.inject({
    method: 'POST',
    url: '/v1/chat/completions',
    headers: { 'x-api-key': key },
    payload: { messages: [{ role: 'user', content: 'Hi' }], ...more },
  });
  return {
    status: response.statusCode,
    body: response.json<Record<string, unknown> & { error?: { message: string; param: string | null } }>(),
  };
}

describe('decoding', () => {
  const EVERYTHING = {
    ...{ draft_tokens: 3, adaptive: false, verification: 'rejection', ngram_min: 1, ngram_max: 5, draft_layers: 2 },
    ...{ exit_layers: [2, 4], exit_threshold: [0.8, 0.9], exit_gate: 'state', exit_decay: 4 },
  };
  const AS_THE_ENGINE_SAYS: DecodingOptions = {
    ...{ strategy: 'early-exit', draftTokens: 3, adaptive: false, verification: 'rejection', ngramMin: 1, ngramMax: 5, draftLayers: 2 },
    ...{ exitLayers: [2, 4], exitThreshold: [0.8, 0.9], exitGate: 'state', exitDecay: 4 },
  };

  it('is said in a form beside the other fields', async () => {
    const fields = Object.fromEntries(Object.entries(EVERYTHING).map(([name, value]) => [name, String(value)]));
    for (const url of ['/caption', '/vqa', '/benchmark']) {
      const { status } = await post(url, { ...fields, decoding: 'early-exit', ...(url === '/vqa' && { question: 'Why?' }) });
      expect([status, asked.at(-1)?.decoding]).toEqual([200, AS_THE_ENGINE_SAYS]);
    }
    await post('/caption', { exit_threshold: '0.5', exit_layers: '4' });
    expect(asked.at(-1)?.decoding).toEqual({ exitThreshold: 0.5, exitLayers: [4] });
    await post('/caption', {});
    expect(asked.at(-1)).not.toHaveProperty('decoding');
  });

  it('is said to /v1 in one object', async () => {
    expect((await chat({ decoding: { strategy: 'early-exit', ...EVERYTHING } })).status).toBe(200);
    expect(asked.at(-1)?.decoding).toEqual(AS_THE_ENGINE_SAYS);
    expect((await chat({ decoding: null })).status).toBe(200);
  });

  it.each([
    ['decoding', 'fast'],
    ['draft_tokens', '65'],
    ['draft_tokens', '-1'],
    ['adaptive', 'perhaps'],
    ['verification', 'none'],
    ['exit_layers', '0'],
    ['exit_layers', '2,x'],
    ['exit_threshold', '1.5'],
    ['exit_threshold', '0.5,2'],
    ['exit_gate', 'sure'],
    ['reuse_similar', '256'],
    ['image_tokens', '1.5'],
    ['temperature', '1e3'],
    ['seed', '4294967295'],
  ])('%s of %s is told in a form', async (name, value) => {
    const { status, body } = await post('/caption', { [name]: value });
    expect([status, body.error?.code, body.error?.message]).toEqual([400, 'REQUEST_INVALID', expect.stringContaining(name)]);
  });

  it.each([{ strategy: 'fast' }, { draft_tokens: '4' }, { drafttokens: 4 }, { exit_layers: [] }])('and %j to /v1', async (decoding) => {
    const { status, body } = await chat({ decoding });
    expect([status, body.error?.param]).toEqual([400, expect.stringContaining('decoding')]);
  });
});

describe('how tokens are chosen', () => {
  const EVERYTHING = {
    ...{ temperature: 0.5, top_p: 0.8, top_k: 7, min_p: 0.1, repeat_penalty: 1.2, repeat_last_n: -1 },
    ...{ frequency_penalty: -1.5, presence_penalty: 0.25, seed: 9 },
  };
  const AS_THE_ENGINE_SAYS = {
    ...{ temperature: 0.5, topP: 0.8, topK: 7, minP: 0.1, repeatPenalty: 1.2, penaltyLastN: 65_536 },
    ...{ frequencyPenalty: -1.5, presencePenalty: 0.25, seed: 9 },
  };

  it('is said in forms and to /v1 alike', async () => {
    await post('/caption', Object.fromEntries(Object.entries(EVERYTHING).map(([name, value]) => [name, String(value)])));
    expect(asked.at(-1)?.sampling).toEqual(AS_THE_ENGINE_SAYS);
    expect((await chat(EVERYTHING)).status).toBe(200);
    expect(asked.at(-1)?.sampling).toEqual(AS_THE_ENGINE_SAYS);
  });

  it('is what the server says where /v1 is sent null', async () => {
    expect((await chat(Object.fromEntries(Object.keys(EVERYTHING).map((name) => [name, null])))).status).toBe(200);
    expect(asked.at(-1)?.sampling).toEqual({ temperature: 0.7, topP: 0.9 });
  });

  it('and whether an answer goes on when the context is full', async () => {
    for (const [context_shift, contextShift] of [
      ['true', true],
      ['false', false],
    ] as const) {
      expect((await post('/vqa', { question: 'Why?', context_shift })).status).toBe(200);
      expect(asked.at(-1)?.contextShift).toBe(contextShift);
      expect((await chat({ context_shift: contextShift })).status).toBe(200);
      expect(asked.at(-1)?.contextShift).toBe(contextShift);
    }
    expect((await chat({ context_shift: null })).status).toBe(200);
    expect(asked.at(-1)).not.toHaveProperty('contextShift');
  });

  it("and how many, in llama-server's word too", async () => {
    for (const [fields, maxTokens] of [
      [{ n_predict: 3 }, 3],
      [{ n_predict: -1 }, 512],
      [{ n_predict: 3, max_tokens: 4 }, 4],
      [{ n_predict: 3, max_completion_tokens: 5 }, 5],
    ] as const) {
      expect((await chat(fields)).status).toBe(200);
      expect(asked.at(-1)?.maxTokens).toBe(maxTokens);
    }
    for (const n_predict of [0, -2, 513]) expect((await chat({ n_predict })).status).toBe(400);
  });
});

describe('fields of others that cannot be obeyed', () => {
  it.each([
    { tools: [{ type: 'function', function: { name: 'f' } }] },
    { tool_choice: 'required' },
    { logit_bias: { 1: -100 } },
    { modalities: ['text', 'audio'] },
    { reasoning_effort: 'high' },
    { mirostat: 2 },
    { typical_p: 0.5 },
    { samplers: ['top_k'] },
    { ignore_eos: true },
    { guided_choice: ['a', 'b'] },
  ])('are refused: %j', async (fields) => {
    const { status, body } = await chat(fields);
    expect([status, body.error?.param, body.error?.message]).toEqual([
      400,
      Object.keys(fields)[0],
      expect.stringContaining('is not supported'),
    ]);
  });

  it('and what does the same here is named', async () => {
    expect((await chat({ repetition_penalty: 1.2 })).body.error?.message).toBe('repetition_penalty is not supported; repeat_penalty is');
  });

  it.each<Readonly<Record<string, unknown>>>([
    { tools: [], tool_choice: 'none', logit_bias: {}, modalities: ['text'], audio: null },
    { mirostat: 0, typical_p: 1, xtc_probability: 0, dry_multiplier: 0, ignore_eos: false, repetition_penalty: 1 },
    { user: 'me', store: true, metadata: { a: 'b' }, service_tier: 'auto', prompt_cache_key: 'k', constructor: 'x', toString: 'x' },
  ])('pass where they ask for nothing: %j', async (fields) => {
    expect((await chat(fields)).status).toBe(200);
  });
});

describe('what holds for all requests', () => {
  it('may be named where it is as it is', async () => {
    expect((await post('/caption', { cache: 'gear', image_tokens: '8' })).status).toBe(200);
    expect((await chat({ cache: 'gear', image_tokens: 8 })).status).toBe(200);
    expect(Object.keys(asked.at(-1) ?? {})).not.toContain('expects');
  });

  it('is refused where it is not, and the answer says what is in force and how to change it', async () => {
    const { status, body } = await post('/caption', { cache: 'full' });
    expect([status, body.error?.code]).toEqual([400, 'REQUEST_INVALID']);
    expect(body.error?.message).toContain('gear');
    expect(body.error?.hint).toContain('--cache full');
    expect((await chat({ image_tokens: 9 })).body.error?.message).toBe('image_tokens is 9; null keeps 8 of every tile');
  });
});

describe('settings of the server', () => {
  it('hold where a request does not say', async () => {
    await post('/caption', { temperature: '0.2', seed: '5' });
    expect(asked.at(-1)?.sampling).toEqual({ temperature: 0.2, topP: 0.9, seed: 5 });
    await chat({ top_p: 1 });
    expect(asked.at(-1)?.sampling).toEqual({ temperature: 0.7, topP: 1 });
  });

  it('that could not be obeyed are told in every answer', async () => {
    expect((await post('/caption', {})).body['warnings']).toEqual(warnings);
    expect((await chat({})).body['warnings']).toEqual(warnings);
    const payload = { messages: [{ role: 'user', content: 'Hi' }], stream: true };
    const streamed = await server.app.inject({ method: 'POST', url: '/v1/chat/completions', headers: { 'x-api-key': 'mine' }, payload });
    expect(streamed.payload).toContain(JSON.stringify(warnings));
  });
});

describe('answers about nearly the same picture', () => {
  const at = (value: number): Uint8Array => Uint8Array.of(value, asked.length);
  const again = { reuse_similar: '3', max_length: '2' };

  it('are not given again unless asked for', async () => {
    await post('/caption', { max_length: '2' }, at(100));
    const { body } = await post('/caption', { max_length: '2' }, at(100));
    expect(body).toMatchObject({ reused_distance: null, lossy: [] });
  });

  it('are given again below the distance: lossy, with the distance, counted, and nothing is computed', async () => {
    expect((await post('/caption', again, at(50))).body).toMatchObject({ reused_distance: null, lossy: [] });
    const before = asked.length;
    const { body } = await post('/caption', again, at(52));
    expect(body).toMatchObject({
      caption: 'null null ',
      tokens: 2,
      reused_distance: 2,
      lossy: [expect.stringContaining('2 away') as string],
    });
    expect(asked).toHaveLength(before);
    expect((await post('/caption', again, at(53))).body).toMatchObject({ reused_distance: null });
    const metrics = await server.app.inject({ url: '/metrics', headers: { 'x-api-key': 'mine' } });
    expect(metrics.json<{ inference_metrics: Record<string, number> }>().inference_metrics['reused_answers']).toBe(1);
  });

  it('are streamed too', async () => {
    const url = `data:image/png;base64,${Buffer.from(at(51)).toString('base64')}`;
    const messages = [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }];
    await chat({ messages, reuse_similar: 3, max_tokens: 2 });
    const { payload } = await server.app.inject({
      method: 'POST',
      url: '/v1/chat/completions',
      headers: { 'x-api-key': 'mine' },
      payload: { messages, reuse_similar: 3, max_tokens: 2, stream: true, stream_options: { include_usage: true } },
    });
    expect(payload).toContain('"content":"null null "');
    expect(payload).toContain('earlier picture, 0 away');
    expect(payload).toContain('data: [DONE]');
  });

  it('are never given to another client, for another question, or in a benchmark', async () => {
    await post('/vqa', { ...again, question: 'Who?' }, at(200));
    for (const [fields, key] of [
      [{ ...again, question: 'Who?' }, 'yours'],
      [{ ...again, question: 'Where?' }, 'mine'],
      [{ ...again, question: 'Who?', temperature: '0' }, 'mine'],
    ] as const) {
      expect((await post('/vqa', fields, at(200), key)).body).toMatchObject({ reused_distance: null });
    }
    const before = asked.length;
    await post('/benchmark', { ...again, num_runs: '3' }, at(200));
    expect(asked).toHaveLength(before + 3);
  });
});
