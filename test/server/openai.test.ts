/* eslint-disable @typescript-eslint/no-deprecated -- what people's programs still send */
import OpenAI from 'openai';
import { afterAll, describe, expect, it } from 'vitest';
import { testApp } from './support/null-app.js';
import { ScriptedRuntimes } from './support/scripted-runtime.js';

const runtimes = new ScriptedRuntimes(0);
const server = await testApp({ open: runtimes.open, apiKeys: ['sesame'] });
const baseURL = `${await server.app.listen({ host: '127.0.0.1', port: 0 })}/v1`;
const client = new OpenAI({ baseURL, apiKey: 'sesame', maxRetries: 0 });
const PICTURE = `data:image/png;base64,${Buffer.from('picture').toString('base64')}`;

afterAll(() => server.close());

const image = (url: string) => ({ type: 'image_url' as const, image_url: { url } });
const say = (text: string) => ({ type: 'text' as const, text });

describe("OpenAI's own client", () => {
  it('lists models', async () => {
    const models = await client.models.list();
    expect(models.data.map(({ id }) => id)).toEqual(['null']);
    expect((await client.models.retrieve('null')).owned_by).toBe('edgevlm');
    await expect(client.models.retrieve('gpt-5')).rejects.toMatchObject({ status: 404, code: 'MODEL_UNKNOWN' });
  });

  it('chats about pictures', async () => {
    const answer = await client.chat.completions.create({
      model: 'null',
      max_tokens: 5,
      seed: 7,
      temperature: 0.5,
      top_p: 0.9,
      stop: ['.'],
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: [image(PICTURE), image(PICTURE), say('Same?')] },
      ],
    });
    expect(answer.choices[0]).toMatchObject({ finish_reason: 'length', message: { role: 'assistant', content: 'aaaaa' } });
    expect(answer.usage).toMatchObject({
      prompt_tokens: 10,
      completion_tokens: 5,
      total_tokens: 15,
      prompt_tokens_details: { cached_tokens: 4 },
    });
    expect(answer).toMatchObject({ timings: { cache_n: 4, prompt_n: 6, prompt_ms: 7, predicted_n: 5, predicted_ms: 5, encode_ms: 3 } });
  });

  it('streams, with usage at the end', async () => {
    const stream = await client.chat.completions.create({
      model: 'null',
      max_tokens: 4,
      stream: true,
      stream_options: { include_usage: true },
      messages: [{ role: 'user', content: 'Hello' }],
    });
    let text = '';
    let finish: string | null = null;
    let total: number | undefined;
    for await (const { choices, usage } of stream) {
      text += choices[0]?.delta.content ?? '';
      finish = choices[0]?.finish_reason ?? finish;
      total = usage?.total_tokens ?? total;
    }
    expect([text, finish, total]).toEqual(['aaaa', 'length', 14]);
  });

  it('continues a text, and streams that', async () => {
    const answer = await client.completions.create({ model: 'null', prompt: 'Once', max_tokens: 3 });
    expect(answer.choices[0]).toMatchObject({ text: 'aaa', finish_reason: 'length' });
    let text = '';
    for await (const { choices } of await client.completions.create({ model: 'null', prompt: 'Once', max_tokens: 3, stream: true })) {
      text += choices[0]?.text ?? '';
    }
    expect(text).toBe('aaa');
  });

  it('is told what it did wrong in its own words', async () => {
    const wrong = new OpenAI({ baseURL, apiKey: 'wrong', maxRetries: 0 });
    await expect(wrong.models.list()).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
    const asked = { model: 'null', messages: [{ role: 'user' as const, content: 'Hi' }] };
    await expect(client.chat.completions.create({ ...asked, temperature: -1 })).rejects.toMatchObject({
      status: 400,
      type: 'invalid_request_error',
      param: 'temperature',
      code: 'REQUEST_INVALID',
    });
    await expect(client.chat.completions.create({ ...asked, model: 'gpt-5' })).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    await expect(client.chat.completions.create({ ...asked, top_logprobs: 2 })).rejects.toMatchObject({ param: 'top_logprobs' });
    await expect(client.chat.completions.create({ ...asked, logprobs: true, top_logprobs: 21 })).rejects.toMatchObject({ status: 400 });
    await expect(client.chat.completions.create({ ...asked, logit_bias: { 5: 1 } })).rejects.toMatchObject({ param: 'logit_bias' });
    await expect(client.chat.completions.create({ ...asked, max_tokens: 100_000 })).rejects.toMatchObject({ param: 'max_tokens' });
  });
});

describe('a picture that is refused', () => {
  const send = (url: string) => client.chat.completions.create({ model: 'null', messages: [{ role: 'user', content: [image(url)] }] });

  it.each([
    'http://169.254.169.254/latest/meta-data',
    'https://example.org/a.png',
    'http://2130706433/',
    'http://[::ffff:127.0.0.1]/',
    'file:///etc/passwd',
    'ftp://example.org/a',
    'javascript:alert(1)',
    '/etc/passwd',
    '',
  ])('because it would have to be fetched: %j', async (url) => {
    await expect(send(url)).rejects.toMatchObject({ status: 400, code: 'URL_REFUSED' });
  });

  it.each([
    'data:,hello',
    'data:image/png,abc',
    'data:image/png;base64,',
    'data:image/png;base64,%%%',
    'data:image/png;base64,====',
    `data:${'x'.repeat(5000)};base64,aa`,
  ])('because it is no picture in base64: %.40j', async (url) => {
    await expect(send(url)).rejects.toMatchObject({ status: 400, code: 'REQUEST_INVALID', param: 'messages[0].content[0].image_url.url' });
  });

  it('because it is too large, or one too many', async () => {
    await expect(send(`data:image/png;base64,${Buffer.alloc(100_001).toString('base64')}`)).rejects.toMatchObject({
      status: 413,
      code: 'IMAGE_TOO_LARGE',
    });
    const five = Array.from({ length: 5 }, () => image(PICTURE));
    await expect(client.chat.completions.create({ model: 'null', messages: [{ role: 'user', content: five }] })).rejects.toMatchObject({
      param: 'messages',
    });
  });
});

describe('a body that is hostile', () => {
  const headers = { 'content-type': 'application/json', authorization: 'Bearer sesame' };
  it.each([
    ['no JSON', '{'],
    ['nothing', ''],
    ['an array', '[]'],
    ['null', 'null'],
    ['no messages', '{}'],
    ['no message', '{"messages":[]}'],
    ['a message that is none', '{"messages":[7]}'],
    ['an unknown role', '{"messages":[{"role":"tool","content":"x"}]}'],
    ['an unknown part', '{"messages":[{"role":"user","content":[{"type":"video"}]}]}'],
    ['a prototype', '{"messages":[{"role":"user","content":"x"}],"__proto__":{"max_tokens":1}}'],
    ['very deep nesting', `{"messages":${'['.repeat(20_000)}${']'.repeat(20_000)}}`],
    ['numbers as text', '{"messages":[{"role":"user","content":"x"}],"max_tokens":"5"}'],
    ['more than the body may have', `{"messages":[{"role":"user","content":"${'x'.repeat(3_000_000)}"}]}`],
  ])('%s is refused with a code', async (_, payload) => {
    const response = await server.app.inject({ method: 'POST', url: '/v1/chat/completions', headers, payload });
    expect(response.statusCode).toBeGreaterThanOrEqual(400);
    expect(response.statusCode).toBeLessThan(500);
    const { error } = response.json<{ error: { code: string; type: string } }>();
    expect([error.code, error.type]).toEqual([expect.stringMatching(/^REQUEST_/), 'invalid_request_error']);
  });
});
