import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ImageTile } from '../../src/core/image.js';
import { Engine } from '../../src/engine/engine.js';
import type { PromptPiece } from '../../src/engine/prompt.js';
import { Vocabulary } from '../../src/engine/vocabulary/vocabulary.js';
import { readVisionFamily } from '../../src/engine/vision-family.js';
import { readGguf } from '../../src/formats/gguf/read-gguf.js';
import { buildPrompt } from '../../src/runtimes/prompt/build-prompt.js';
import { ChatTemplate } from '../../src/runtimes/prompt/chat-template.js';
import { prepareImage } from '../../src/vision/prepare-image.js';
import { checkLogits, TEXT_BOUND, TOWER_BOUND } from './support/check-logits.js';
import { collect } from './support/collect.js';
import { parityFile, readParityCase, readParityTiles } from './support/parity-case.js';
import { editGguf } from './support/edit-gguf.js';
import { temporaryFolder, tinyModel } from './support/tiny-models.js';
import { encodeTiles } from './support/encode-tiles.js';

/** Colour values, of 255: two correct resamplers may round a value to either side. */
const PIXEL_TOLERANCE = 1;

describe.each(['tiny-llama-bpe', 'tiny-llama-spm'] as const)('%s against Hugging Face in float32', async (name) => {
  const { model } = await tinyModel(name);
  const reference = await readParityCase(name);

  test('the prompt has the same token ids', () => {
    using vocabulary = new Vocabulary(model);
    expect([...vocabulary.tokenise(reference.prompt, { addSpecial: true, parseSpecial: true })]).toEqual(reference.promptIds);
  });

  test('logits of the prompt and 32 steps agree, and every greedy token is the same', async () => {
    await checkLogits(model, { tokens: Int32Array.from(reference.promptIds) }, reference, TEXT_BOUND);
  });
});

describe('tiny-smolvlm against Hugging Face in float32', async () => {
  const { model, mmproj = '' } = await tinyModel('tiny-smolvlm');
  const reference = await readParityCase('tiny-smolvlm');
  const { preprocessing } = readVisionFamily(await readGguf(mmproj));
  const image = await prepareImage(parityFile('tiny-smolvlm', 'image.png'), preprocessing);

  const referenceTiles = (): Promise<ImageTile[]> => readParityTiles('tiny-smolvlm', reference.pixelShape ?? []);

  async function promptPieces(): Promise<PromptPiece[]> {
    using vocabulary = new Vocabulary(model);
    const { metadata } = await readGguf(model);
    const template = new ChatTemplate(metadata.string('tokenizer.chat_template'), {
      bos_token: '<|im_start|>',
      eos_token: '<end_of_utterance>',
    });
    const content = [{ type: 'image', image } as const, { type: 'text', text: 'Describe the picture.' } as const];
    return buildPrompt(
      { messages: [{ role: 'user', content }] },
      { vocabulary, template, vision: preprocessing, controlTokens: [], maxBytes: Infinity },
    ).pieces;
  }

  test('the picture is cut into the same tiles', async () => {
    expect([image.rows, image.columns]).toEqual([reference.rows, reference.columns]);
    const tiles = await referenceTiles();
    expect(image.tiles.map(({ width, height }) => [width, height])).toEqual(tiles.map(({ width, height }) => [width, height]));
    const differences = image.tiles.flatMap(({ rgb }, tile) => [...rgb].map((value, i) => Math.abs(value - (tiles[tile]?.rgb[i] ?? NaN))));
    expect(Math.max(...differences)).toBeLessThanOrEqual(PIXEL_TOLERANCE);
  });

  test('template and picture become the same token ids', async () => {
    const perTile = reference.promptIds.filter((id) => id === reference.imageTokenId).length / image.tiles.length;
    const ids = (await promptPieces()).flatMap((piece) =>
      piece.type === 'tokens' ? [...piece.tokens] : Array.from({ length: perTile }, () => reference.imageTokenId),
    );
    expect(ids).toEqual(reference.promptIds);
  });

  test('logits through tower, projector and decoder agree, and every greedy token is the same', async () => {
    const encoded = await encodeTiles(mmproj, await referenceTiles());
    const starts = reference.promptIds.flatMap((id, at) =>
      id === reference.imageTokenId && reference.promptIds[at - 1] !== id ? [at] : [],
    );
    const embeddings = encoded.map((values, tile) => ({ at: starts[tile] ?? NaN, values }));
    await checkLogits(model, { tokens: Int32Array.from(reference.promptIds), embeddings }, reference, TOWER_BOUND);
  });

  test('pixels that do not fill a patch change nothing, as in a convolution (SigLIP at 384 pixels in patches of 14)', async () => {
    const [tile] = await referenceTiles();
    if (tile === undefined) throw new Error('the reference has no tile');
    const side = tile.width + 6;
    const rgb = new Uint8Array(side * side * 3).fill(99);
    for (let y = 0; y < tile.height; y++) {
      rgb.set(tile.rgb.subarray(y * tile.width * 3, (y + 1) * tile.width * 3), y * side * 3);
    }
    const larger = await editGguf(mmproj, path.join(await temporaryFolder(), 'larger.gguf'), ({ metadata }) => {
      metadata.set('clip.vision.image_size', { type: 'u32', value: side });
    });
    expect(await encodeTiles(larger, [{ width: side, height: side, rgb }])).toEqual(await encodeTiles(mmproj, [tile]));
  });

  test('from the picture file to tokens, the engine says what the reference says', async () => {
    using engine = await Engine.load({ model, mmproj, threads: 1, cache: { type: 'f32' } });
    const { tokens, result } = await collect(engine, { prompt: await promptPieces(), maxTokens: 33 });
    expect(tokens).toEqual(reference.generatedIds);
    expect([result.promptTokens, result.imageTokens]).toEqual([reference.promptIds.length, 28]);
  });
});
