import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { captionedScene, hfCaptions } from './hf-captions.js';
import { openTransformersJs, type TransformersJsModel } from './transformers-js-model.js';

const SHAPES = fileURLToPath(new URL('../../models/shapes/', import.meta.url));
/** Of the 200, so that this stays within seconds. */
const Q8_SCENES = 100;
/** A folder with the float32 files, which are made by the recipe and not shipped (python/training/shapes/README.md). */
const fp32 = process.env['EDGEVLM_TEST_ONNX_FP32'];

it("the captions of Hugging Face's were made with the weights that are shipped", () => {
  const weights = createHash('sha256')
    .update(readFileSync(`${SHAPES}hf/model.safetensors`))
    .digest('hex');
  expect(hfCaptions.weights, 'run python/training/shapes/make_fixtures.py').toBe(weights);
});

describe('Transformers.js with the shipped q8 files, from disk', () => {
  let model: TransformersJsModel;
  beforeAll(async () => {
    model = await openTransformersJs(SHAPES, 'onnx', 'q8');
  });
  afterAll(async () => {
    await model.close();
  });

  it("makes Hugging Face's prompt, and leaves the pixels of a picture of the model's size alone", async () => {
    const picture = captionedScene(0);
    const { ids, pixels } = await model.prepare(picture, hfCaptions.prompt);
    expect(ids).toEqual(hfCaptions.promptIds);
    const plane = picture.side ** 2;
    expect(pixels.length).toBe(3 * plane);
    const differences = pixels.map((value, at) => {
      const byte = picture.pixels[(at % plane) * 3 + Math.floor(at / plane)] ?? NaN;
      return Math.abs(value - (byte / 127.5 - 1));
    });
    expect(Math.max(...differences)).toBeLessThan(1e-6);
  });

  // Eight bits move the logits by a hundredth or so, which turns a token only where the two best are about that near: rarely,
  // and never for most scenes. Signs or scales gone wrong would leave nothing to agree on.
  it(`says what Hugging Face says in float32 of at least nine in ten of ${Q8_SCENES} scenes`, async () => {
    const different = await differentCaptions(model, Q8_SCENES);
    expect(different.length, different.join('\n')).toBeLessThanOrEqual(Q8_SCENES / 10);
  });
});

if (fp32 !== undefined) {
  describe('Transformers.js with float32 files from the recipe', () => {
    let model: TransformersJsModel;
    beforeAll(async () => {
      model = await openTransformersJs(dirname(fp32), basename(fp32), 'fp32');
    });
    afterAll(async () => {
      await model.close();
    });

    it("gives Hugging Face's logits after the prompt", async () => {
      expect(hfCaptions.logits.length).toBeGreaterThan(0);
      for (const [index, expected] of hfCaptions.logits.entries()) {
        const given = await model.logits(captionedScene(index), hfCaptions.prompt);
        expect(given.length).toBe(expected.length);
        const error = Math.hypot(...given.map((value, at) => value - (expected[at] ?? NaN))) / Math.hypot(...expected);
        // float32 in another order of addition.
        expect(error).toBeLessThan(1e-4);
      }
    });

    it('says word for word what Hugging Face says', async () => {
      expect(await differentCaptions(model, hfCaptions.scenes.count)).toEqual([]);
    });
  });
}

async function differentCaptions(model: TransformersJsModel, count: number): Promise<string[]> {
  const captions = hfCaptions.captions.slice(0, count);
  expect(captions.length).toBe(count);
  const different: string[] = [];
  for (const [index, caption] of captions.entries()) {
    const answer = await model.answer(captionedScene(index), hfCaptions.prompt);
    if (answer !== caption) different.push(`${caption} → ${answer}`);
  }
  return different;
}
