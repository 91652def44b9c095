import { expect, test } from 'vitest';
import type { LlavaPreprocessing } from '../../core/image.js';
import { ChatTemplate, type TemplateMessage } from './chat-template.js';
import { defaultChatTemplate } from './default-chat-template.js';

const LLAVA: LlavaPreprocessing = { kind: 'llava', tileSize: 336, mean: [0.5, 0.5, 0.5], std: [1, 1, 1] };
const template = new ChatTemplate(defaultChatTemplate(LLAVA) ?? '', { bos_token: '<s>', eos_token: '</s>' });
const SYSTEM =
  'A chat between a curious user and an artificial intelligence assistant. ' +
  "The assistant gives helpful, detailed, and polite answers to the user's questions. ";

const text = (value: string) => ({ type: 'text', text: value }) as const;
const image = { type: 'image' } as const;
const message = (role: string, ...content: Exclude<TemplateMessage['content'], string>): TemplateMessage => ({ role, content });

test.each<[string, TemplateMessage[], string]>([
  ['a question about a picture', [message('user', image, text('What is it?'))], `${SYSTEM}USER: <image>\nWhat is it? ASSISTANT:`],
  ['a picture behind its question', [message('user', text('What is it?'), image)], `${SYSTEM}USER: <image>\nWhat is it? ASSISTANT:`],
  ['a question without a picture', [message('user', text('Why?'))], `${SYSTEM}USER: Why? ASSISTANT:`],
  [
    'several turns',
    [message('user', image, text('What?')), message('assistant', text('A cat.')), message('user', text('Sure?'))],
    `${SYSTEM}USER: <image>\nWhat? ASSISTANT: A cat.</s>USER: Sure? ASSISTANT:`,
  ],
  ['instructions of the caller', [message('system', text('Be brief.')), message('user', text('Why?'))], 'Be brief. USER: Why? ASSISTANT:'],
])('%s', (_, messages, expected) => {
  expect(template.takesParts).toBe(true);
  expect(template.render(messages)).toBe(expected);
});

test('models whose files have templates of their own get none', () => {
  expect(defaultChatTemplate(null)).toBeNull();
  expect(defaultChatTemplate({ ...LLAVA, kind: 'idefics3', longestEdge: 336, splitting: false })).toBeNull();
});
