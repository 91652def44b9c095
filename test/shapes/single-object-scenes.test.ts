import { createHash } from 'node:crypto';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { findModel } from '../../src/catalogue/find-model.js';
import type { ChatMessage } from '../../src/core/generator.js';
import { generateScene } from '../../src/data/scenes/generate-scene.js';
import { EngineGenerator } from '../../src/runtimes/engine/engine-generator.js';
import { preprocessImage } from '../../src/vision/prepare-image.js';

/** Scenes of the test split, which no training has seen. */
const SCENES = 100;
const SEED = 20_261_122;

let engine: EngineGenerator;
beforeAll(async () => {
  const { model, mmproj = '' } = await findModel({ model: 'shapes' });
  engine = await EngineGenerator.start({ model, mmproj, threads: 1 });
});
afterAll(async () => {
  await engine.close();
});

async function ask(index: number, text: string): Promise<string> {
  const { pixels, side } = scene(index);
  const { vision } = engine.description;
  if (vision === null) throw new Error('the model in the box lost its vision half');
  const hash = createHash('sha256').update(pixels).digest('hex');
  const image = await preprocessImage({ width: side, height: side, rgb: pixels, hash }, vision);
  const message: ChatMessage = {
    role: 'user',
    content: [
      { type: 'image', image },
      { type: 'text', text },
    ],
  };
  for await (const event of engine.generate({ input: { messages: [message] }, maxTokens: 48 })) {
    if (event.type === 'done') return event.result.text;
  }
  return '';
}

function scene(index: number): ReturnType<typeof generateScene> & { side: number } {
  const side = 128;
  return { ...generateScene({ split: 'test', seed: SEED, index, side, maxObjects: 1 }), side };
}

it(`the model in the box describes at least 90 of ${SCENES} unseen single-object scenes exactly`, async () => {
  const wrong: string[] = [];
  for (let index = 0; index < SCENES; index++) {
    const { caption } = scene(index).truth;
    const answer = await ask(index, 'Describe the picture.');
    if (answer !== caption) wrong.push(`${caption} → ${answer}`);
  }
  expect(wrong.length, wrong.join('\n')).toBeLessThanOrEqual(SCENES / 10);
});

it('it looks at the picture: with the pictures shuffled hardly any description fits', async () => {
  let right = 0;
  for (let index = 0; index < SCENES; index++) {
    const answer = await ask((index + 1) % SCENES, 'Describe the picture.');
    if (answer === scene(index).truth.caption) right++;
  }
  expect(right).toBeLessThanOrEqual(SCENES / 20);
});

it('it answers questions of every kind about the same scenes, at least 95 in 100', async () => {
  let asked = 0;
  const wrong: string[] = [];
  for (let index = 0; index < SCENES; index++) {
    const { questions } = scene(index).truth;
    const one = questions[index % questions.length];
    if (one === undefined) continue;
    asked++;
    const answer = await ask(index, one.question);
    if (answer !== one.answer) wrong.push(`${one.question} ${one.answer} → ${answer}`);
  }
  expect(asked).toBe(SCENES);
  expect(wrong.length, wrong.join('\n')).toBeLessThanOrEqual(asked * 0.05);
});
