import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findModel } from '../../src/catalogue/find-model.js';
import type { ContentPart } from '../../src/core/generator.js';
import type { PreparedImage } from '../../src/core/image.js';
import { EngineGenerator } from '../../src/runtimes/engine/engine-generator.js';
import type { TextEngine } from '../../src/runtimes/engine/text-engine.js';
import { loadShapes, sceneFor } from './support/ask.js';

/** Of each answer; short, and enough to tell two pictures apart. */
const TOKENS = 16;

/** What a picture is once it was asked about, and how often its pixels were wanted. */
function seen(image: PreparedImage): { part: ContentPart; wanted: () => number } {
  let wanted = 0;
  const pixels = (): Promise<PreparedImage> => {
    wanted++;
    return Promise.resolve(image);
  };
  return { part: { type: 'seen-image', image: { ...image, tiles: image.tiles.map(() => null) }, pixels }, wanted: () => wanted };
}

describe('a picture that was asked about before', () => {
  let drawing: TextEngine;
  let pictures: PreparedImage[];
  beforeAll(async () => {
    drawing = await loadShapes();
    pictures = await Promise.all([0, 1].map(async (index) => (await sceneFor(drawing, index)).image));
  });
  afterAll(() => {
    drawing[Symbol.dispose]();
  });

  async function started(imageCacheBytes?: number) {
    const files = await findModel({ model: 'shapes' });
    const engine = await EngineGenerator.start({ ...files, threads: 1, ...(imageCacheBytes !== undefined && { imageCacheBytes }) });
    const ask = async (part: ContentPart, text: string, reuse?: boolean) => {
      const messages = [{ role: 'user', content: [part, { type: 'text', text }] }] as const;
      const request = { input: { messages }, maxTokens: TOKENS, ...(reuse !== undefined && { reuse }) };
      for await (const event of engine.generate(request)) if (event.type === 'done') return event.result;
      throw new Error('no answer');
    };
    return { engine, ask };
  }

  test('goes to the engine without its pixels, and is answered as with them', async () => {
    const { engine, ask } = await started();
    try {
      for (const image of pictures) {
        const whole = { type: 'image', image } as const;
        await ask(whole, 'Describe the picture.');
        const expected = await ask(whole, 'How many objects are there?', false);
        const { part, wanted } = seen(image);
        const { text, cachedTiles } = await ask(part, 'How many objects are there?');
        expect([text, cachedTiles, wanted()]).toEqual([expected.text, image.tiles.length, 0]);
        // A cold run is to see them.
        expect((await ask(part, 'How many objects are there?', false)).text).toBe(expected.text);
        expect(wanted()).toBe(1);
      }
    } finally {
      await engine.close();
    }
  });

  test('is sent whole where the engine has forgotten it', async () => {
    const { engine, ask } = await started(0);
    try {
      for (const image of pictures) {
        const { part, wanted } = seen(image);
        const expected = await ask({ type: 'image', image }, 'Describe the picture.', false);
        expect((await ask(part, 'Describe the picture.')).text).toBe(expected.text);
        expect(wanted()).toBe(1);
      }
    } finally {
      await engine.close();
    }
  });

  test('is refused by the engine itself where it never saw it', async () => {
    for (const image of pictures) {
      const hidden = { ...image, tiles: image.tiles.map(() => null) };
      const input = { messages: [{ role: 'user', content: [{ type: 'image', image: hidden }] }] } as const;
      await expect(drawing.generate({ input, maxTokens: 1 }).next()).rejects.toMatchObject({ code: 'IMAGE_FORGOTTEN' });
    }
  });
});
