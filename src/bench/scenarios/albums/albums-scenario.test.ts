import { describe, expect, it } from 'vitest';

import { EdgeVlmError } from '../../../core/errors.js';
import type { ChatMessage, DetailedEvent, DetailedGenerator, DetailedResult, GenerateRequest } from '../../../core/generator.js';
import { runAlbumsScenario, type AlbumsScenarioOptions, type ShownAlbum } from './albums-scenario.js';
import { scoreAlbums } from './score-albums.js';

const TIMINGS = {
  queue_ms: 0,
  tokenise_ms: 0,
  prepare_ms: 0,
  encode_ms: 0,
  prefill_ms: 0,
  decode_ms: 0,
  sample_ms: 0,
  ttft_ms: 0,
  total_ms: 7,
};
type Counts = Omit<DetailedResult, 'text' | 'finishReason' | 'promptTokens'>;
const COUNTS: Counts = { imageTokens: 1, completionTokens: 2, cachedTokens: 0, timings: TIMINGS, warnings: [] };

const textOf = ({ role, content }: ChatMessage): string =>
  `${role}: ${content.map((part) => (part.type === 'text' ? part.text : part.type === 'image' ? part.image.hash : '')).join(' ')}`;

/** Answers by a table from the last message, and takes no more messages than its context has room for. */
class Script implements DetailedGenerator {
  readonly conversations: string[][] = [];
  readonly description: DetailedGenerator['description'] = {
    ...{ name: 'script', architecture: 'none', precision: 'none', parameters: 0, contextLength: 0, vocabularySize: 0 },
    ...{ vision: null, weightBytes: 0, cacheBytes: 0, load_ms: 0, warnings: [] },
  };

  constructor(
    private readonly answers: Readonly<Record<string, string>>,
    private readonly room = Infinity,
    private readonly code: 'CONTEXT_FULL' | 'ENGINE_CRASHED' = 'CONTEXT_FULL',
  ) {}

  async *generate(request: GenerateRequest): AsyncGenerator<DetailedEvent, void, void> {
    await Promise.resolve();
    const messages = 'messages' in request.input ? request.input.messages.map(textOf) : [];
    if (messages.length > this.room) throw new EdgeVlmError(this.code, 'no more');
    this.conversations.push(messages);
    const text = this.answers[messages.at(-1) ?? ''] ?? '?';
    yield { type: 'done', result: { ...COUNTS, text, promptTokens: 10 * messages.length, finishReason: 'stop' } };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

const object = (colour: string) => ({ shape: 'circle', colour, size: 'small', position: 'top' });
const ALBUM: ShownAlbum = {
  images: ['#1', '#2'].map((hash) => ({ tiles: [], rows: 0, columns: 0, hash })),
  truth: {
    pictures: [
      { prompt: 'Describe picture 1.', objects: [object('red')], captions: ['a small red circle at the top.', 'Another.'] },
      { prompt: 'Describe picture 2.', objects: [object('blue')], captions: ['a small blue circle at the top.'] },
    ],
    questions: [
      { kind: 'colour', question: 'What color was the circle in picture 1?', answer: 'red' },
      { kind: 'picture', question: 'In which picture was there a blue circle?', answer: '2' },
    ],
  },
};
const ANSWERS = {
  'user: #1 Describe picture 1.': 'a small red circle at the top.',
  'user: #2 Describe picture 2.': 'a small green circle at the top.',
  'user: What color was the circle in picture 1?': 'red',
  'user: In which picture was there a blue circle?': '1',
};
const VOCABULARY = { shapes: ['circle'], colours: ['red', 'blue', 'green'], sizes: ['small'], positions: ['top'] };

async function* albums(count: number): AsyncGenerator<ShownAlbum, void, void> {
  for (let at = 0; at < count; at++) {
    await Promise.resolve();
    yield ALBUM;
  }
}
const run = (generator: DetailedGenerator, options: Partial<AlbumsScenarioOptions> = {}) =>
  runAlbumsScenario({ generator, albums: albums(1), count: 1, free: false, captionTokens: 30, answerTokens: 5, ...options });

describe('a conversation about an album', () => {
  it('goes on from what is true, whatever the model said', async () => {
    const script = new Script(ANSWERS);
    const [answers] = await run(script);
    expect(answers).toMatchObject({
      captions: ['a small red circle at the top.', 'a small green circle at the top.'],
      answers: ['red', '1'],
      contextTokens: 72,
    });
    expect(script.conversations.map(({ length }) => length)).toEqual([1, 3, 5, 7]);
    expect(script.conversations.at(-1)).toEqual([
      'user: #1 Describe picture 1.',
      'assistant: a small red circle at the top.',
      'user: #2 Describe picture 2.',
      'assistant: a small blue circle at the top.',
      'user: What color was the circle in picture 1?',
      'assistant: red',
      'user: In which picture was there a blue circle?',
    ]);
  });

  it('goes on from what the model said when it runs free', async () => {
    const script = new Script(ANSWERS);
    await run(script, { free: true });
    expect(script.conversations.at(-1)?.[3]).toBe('assistant: a small green circle at the top.');
  });

  it('ends where the context is full, and fails with the generator otherwise', async () => {
    const [answers] = await run(new Script(ANSWERS, 5));
    expect(answers).toMatchObject({ captions: { length: 2 }, answers: ['red'] });
    await expect(run(new Script(ANSWERS, 5, 'ENGINE_CRASHED'))).rejects.toMatchObject({ code: 'ENGINE_CRASHED' });
  });

  it('several at once give what each gives alone', async () => {
    const options = { albums: albums(5), count: 5, concurrency: 3 };
    const alone = await run(new Script(ANSWERS));
    expect(await run(new Script(ANSWERS), options)).toEqual(Array.from({ length: 5 }, () => alone[0]));
  });
});

describe('scoring albums', () => {
  it('scores captions by picture number and answers by kind', async () => {
    const scored = scoreAlbums(await run(new Script(ANSWERS), { albums: albums(2), count: 2 }), VOCABULARY, 0);
    const values = Object.fromEntries(scored.scores.map(({ name, value }) => [name, value]));
    expect(values).toMatchObject({
      'caption.object_f1': 1 / 2,
      'caption.exact': 1 / 2,
      'caption.by_picture.1.object_f1': 1,
      'caption.by_picture.2.object_f1': 0,
      'caption.by_picture.1.exact': 1,
      'caption.by_picture.2.exact': 0,
      'vqa.accuracy': 1 / 2,
      'vqa.by_kind.colour': 1,
      'vqa.by_kind.picture': 0,
      'chance.vqa.accuracy': 1,
      'context.tokens': 72,
    });
    for (const { name, n } of scored.scores) expect([name, n]).toEqual([name, 2]);
    for (const { values: list } of scored.samples) expect(list).toHaveLength(2);
  });

  it('what was not asked does not count, and an album of which nothing fits is told', async () => {
    const scored = scoreAlbums(await run(new Script(ANSWERS, 3)), VOCABULARY, 0);
    expect(scored.scores.map(({ name }) => name).filter((name) => name.includes('vqa'))).toEqual([]);
    const nothing = await run(new Script(ANSWERS, 0));
    expect(() => scoreAlbums(nothing, VOCABULARY, 0)).toThrow(expect.objectContaining({ code: 'CONTEXT_FULL' }));
  });
});
