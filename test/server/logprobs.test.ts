import OpenAI from 'openai';
import { afterAll, expect, it } from 'vitest';
import { testApp } from './support/null-app.js';
import { ScriptedRuntimes } from './support/scripted-runtime.js';

const server = await testApp();
const baseURL = `${await server.app.listen({ host: '127.0.0.1', port: 0 })}/v1`;
const client = new OpenAI({ baseURL, apiKey: 'none', maxRetries: 0 });
afterAll(() => server.close());

const messages = [{ role: 'user' as const, content: 'Hi' }];
/** The runtime that computes nothing knows one token, which is certain. */
const NULL = { token: 'null ', logprob: 0, bytes: [110, 117, 108, 108, 32] };

it("a chat tells OpenAI's client every token and the likeliest at its place", async () => {
  const answer = await client.chat.completions.create({
    model: 'null',
    messages,
    max_completion_tokens: 2,
    logprobs: true,
    top_logprobs: 3,
  });
  const told = { ...NULL, top_logprobs: [NULL] };
  expect(answer.choices[0]?.logprobs).toEqual({ content: [told, told], refusal: null });
  const few = await client.chat.completions.create({ model: 'null', messages, max_completion_tokens: 1, logprobs: true });
  expect(few.choices[0]?.logprobs?.content).toEqual([{ ...NULL, top_logprobs: [] }]);
  const none = await client.chat.completions.create({ model: 'null', messages, max_completion_tokens: 1, logprobs: false });
  expect(none.choices[0]?.logprobs).toBeNull();
});

it('a stream tells them with the text that they are of', async () => {
  const told: [string, number][] = [];
  for await (const { choices } of await client.chat.completions.create({
    ...{ model: 'null', messages, max_completion_tokens: 3, stream: true, logprobs: true, top_logprobs: 1 },
  })) {
    const [choice] = choices;
    if (choice !== undefined) told.push([choice.delta.content ?? '', choice.logprobs?.content?.length ?? 0]);
  }
  expect(told).toEqual([
    ['', 0],
    ['null ', 1],
    ['null ', 1],
    ['null ', 1],
    ['', 0],
  ]);
});

it('a completion tells them in lists, and chunks go on counting characters', async () => {
  const asked = { model: 'null', prompt: 'Once', max_tokens: 2, logprobs: 1 };
  const answer = await client.completions.create(asked);
  expect(answer.choices[0]?.logprobs).toEqual({
    ...{ tokens: ['null ', 'null '], token_logprobs: [0, 0], text_offset: [0, 5] },
    top_logprobs: [{ 'null ': 0 }, { 'null ': 0 }],
  });
  const offsets: number[] = [];
  for await (const { choices } of await client.completions.create({ ...asked, stream: true })) {
    offsets.push(...(choices[0]?.logprobs?.text_offset ?? []));
  }
  expect(offsets).toEqual([0, 5]);
});

it('a runtime that tells none is said to tell none', async () => {
  const silent = await testApp({ open: new ScriptedRuntimes(0).open });
  const response = await silent.app.inject({
    method: 'POST',
    url: '/v1/chat/completions',
    payload: { messages, max_completion_tokens: 1, logprobs: true },
  });
  expect(response.json()).toMatchObject({
    choices: [{ logprobs: null }],
    warnings: ['this runtime does not tell how likely tokens were'],
  });
  await silent.close();
});
