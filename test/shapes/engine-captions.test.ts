import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findModel } from '../../src/catalogue/find-model.js';
import { convertModel } from '../../src/convert/convert-model.js';
import { Engine } from '../../src/engine/engine.js';
import { EngineGenerator } from '../../src/runtimes/engine/engine-generator.js';
import { preprocessImage } from '../../src/vision/prepare-image.js';
import { encodeTiles } from '../engine/support/encode-tiles.js';
import { relativeError } from '../engine/support/compare.js';
import { captionedScene, hfCaptions } from './hf-captions.js';

const HF_FOLDER = fileURLToPath(new URL('../../models/shapes/hf', import.meta.url));
/** ‖a−b‖/‖b‖ of logits against float32: the tower's attention reads keys and values in f16, and GELU from an f16 table. */
const LOGITS_BOUND = 3e-3;
const MAX_TOKENS = 64;

describe('the shipped float16 files in the engine', () => {
  let engine: EngineGenerator;
  beforeAll(async () => {
    const { model, mmproj = '' } = await findModel({ model: 'shapes' });
    engine = await EngineGenerator.start({ model, mmproj, threads: 1 });
  });
  afterAll(() => engine.close());

  async function caption(index: number): Promise<string> {
    const { vision } = engine.description;
    if (vision === null) throw new Error('the model in the box lost its vision half');
    const { pixels, side } = captionedScene(index);
    const hash = createHash('sha256').update(pixels).digest('hex');
    const image = await preprocessImage({ width: side, height: side, rgb: pixels, hash }, vision);
    const content = [{ type: 'image', image } as const, { type: 'text', text: hfCaptions.prompt } as const];
    for await (const event of engine.generate({ input: { messages: [{ role: 'user', content }] }, maxTokens: MAX_TOKENS })) {
      if (event.type === 'done') return event.result.text;
    }
    return '';
  }

  it(`say of ${String(hfCaptions.captions.length)} scenes, word for word, what Hugging Face Transformers says in float32`, async () => {
    const captions: string[] = [];
    for (const index of hfCaptions.captions.keys()) captions.push(await caption(index));
    expect(captions).toEqual(hfCaptions.captions);
  });
});

describe('the shipped weights converted to float32', () => {
  let folder = '';
  const file = (name: string): string => join(folder, name);
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'shapes-f32-'));
    await convertModel({ dir: HF_FOLDER, out: file('shapes.gguf'), mmprojOut: file('mmproj.gguf'), type: 'f32' });
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("give Hugging Face's logits after a picture and a question", async () => {
    using engine = await Engine.load({ model: file('shapes.gguf'), threads: 1, context: 512, cache: { type: 'f32' } });
    const ids = Int32Array.from(hfCaptions.promptIds);
    // The one token that comes many times stands for the picture.
    const image = ids.find((id, at) => at > 0 && id === ids[at - 1]) ?? NaN;
    const tiles = hfCaptions.logits.map((_, index) => {
      const { pixels, side } = captionedScene(index);
      return { width: side, height: side, rgb: pixels };
    });
    const encoded = await encodeTiles(file('mmproj.gguf'), tiles);
    const errors: number[] = [];
    for (const [index, expected] of hfCaptions.logits.entries()) {
      const values = encoded[index] ?? new Float32Array();
      const entry = { sequence: 0, tokens: ids, embeddings: [{ at: ids.indexOf(image), values }], logits: 'last' } as const;
      const [logits = new Float32Array()] = await engine.runner.decode([entry]);
      engine.runner.truncate(0, 0);
      errors.push(relativeError(logits, Float32Array.from(expected)));
    }
    expect(errors.length).toBeGreaterThan(0);
    expect(Math.max(...errors), `errors by scene: ${errors.join(', ')}`).toBeLessThanOrEqual(LOGITS_BOUND);
  });
});
