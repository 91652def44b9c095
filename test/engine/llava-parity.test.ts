import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { encodeTensor } from '../../src/convert/encode-tensor.js';
import { Engine } from '../../src/engine/engine.js';
import type { PromptPiece } from '../../src/engine/prompt.js';
import { readVisionFamily } from '../../src/engine/vision-family.js';
import { Vocabulary } from '../../src/engine/vocabulary/vocabulary.js';
import { readGguf } from '../../src/formats/gguf/read-gguf.js';
import { buildPrompt } from '../../src/runtimes/prompt/build-prompt.js';
import { ChatTemplate } from '../../src/runtimes/prompt/chat-template.js';
import { defaultChatTemplate } from '../../src/runtimes/prompt/default-chat-template.js';
import { prepareImage } from '../../src/vision/prepare-image.js';
import { checkLogits, TOWER_BOUND } from './support/check-logits.js';
import { collect } from './support/collect.js';
import { relativeError } from './support/compare.js';
import { editGguf, type EditableGguf } from './support/edit-gguf.js';
import { encodeTiles } from './support/encode-tiles.js';
import { parityFile, readParityCase, readParityTiles } from './support/parity-case.js';
import { temporaryFolder, tinyModel } from './support/tiny-models.js';
import { writeTinyMmproj } from './support/tiny-mmproj.js';

const { model } = await tinyModel('tiny-llama-spm');
const folder = await temporaryFolder();

describe.each(['tiny-llava', 'tiny-mobilevlm', 'tiny-mobilevlm-v2'] as const)('%s against PyTorch in float32', async (name) => {
  const reference = await readParityCase(name);
  const mmproj = await writeTinyMmproj(name, join(folder, `${name}.gguf`));
  const { preprocessing, projector } = readVisionFamily(await readGguf(mmproj));
  const image = await prepareImage(parityFile(name, 'image.png'), preprocessing);
  const tiles = await readParityTiles(name, reference.pixelShape ?? []);
  const [encoded = new Float32Array()] = await encodeTiles(mmproj, tiles);

  function promptPieces(): PromptPiece[] {
    using vocabulary = new Vocabulary(model);
    const template = new ChatTemplate(defaultChatTemplate(preprocessing) ?? '', { bos_token: '<s>', eos_token: '</s>' });
    const content = [{ type: 'image', image } as const, { type: 'text', text: 'Describe the picture.' } as const];
    return buildPrompt(
      { messages: [{ role: 'user', content }] },
      { vocabulary, template, vision: preprocessing, controlTokens: [], maxBytes: Infinity },
    ).pieces;
  }

  test('the picture becomes the same pixels, to the bit', () => {
    expect(image.tiles).toEqual(tiles);
  });

  test('without a template in the file, the conversation becomes the same token ids', () => {
    const ids = promptPieces().flatMap((piece) =>
      piece.type === 'tokens' ? [...piece.tokens] : Array.from({ length: projector.tokensPerTile }, () => reference.imageTokenId),
    );
    expect(ids).toEqual(reference.promptIds);
  });

  test('logits through tower, projector and decoder agree, and every greedy token is the same', async () => {
    const embeddings = [{ at: reference.promptIds.indexOf(reference.imageTokenId ?? NaN), values: encoded }];
    await checkLogits(model, { tokens: Int32Array.from(reference.promptIds), embeddings }, reference, TOWER_BOUND);
  });

  test('from the picture file to tokens, the engine says what the reference says', async () => {
    using engine = await Engine.load({ model, mmproj, threads: 1, cache: { type: 'f32' } });
    const { tokens, result } = await collect(engine, { prompt: promptPieces(), maxTokens: 33 });
    expect(tokens).toEqual(reference.generatedIds);
    expect([result.promptTokens, result.imageTokens]).toEqual([reference.promptIds.length, projector.tokensPerTile]);
  });

  const tokensOf = async (change: (contents: EditableGguf) => void): Promise<Float32Array> => {
    const path = await editGguf(mmproj, join(folder, `${name}-changed.gguf`), change);
    return (await encodeTiles(path, tiles))[0] ?? new Float32Array();
  };

  test('a file with the feed-forward named as in later converters gives the same image tokens', async () => {
    const swapped = await tokensOf(({ tensors }) => {
      for (const [key, tensor] of tensors) {
        const renamed = tensor.name.replace(/ffn_(down|up)/, (_, half: string) => (half === 'down' ? 'ffn_up' : 'ffn_down'));
        tensors.set(key, { ...tensor, name: renamed });
      }
    });
    expect(swapped).toEqual(encoded);
  });

  test('a file whose matrices, positions and kernels are in f16 gives nearly the same image tokens', async () => {
    const halved = await tokensOf(({ tensors }) => {
      for (const [key, tensor] of tensors) {
        if (tensor.shape.length === 1) continue;
        const data = async (): Promise<Uint8Array> => encodeTensor(new Float32Array(Uint8Array.from(await tensor.data()).buffer), 'f16');
        tensors.set(key, { ...tensor, type: 'f16', data });
      }
    });
    expect(relativeError(halved, encoded)).toBeLessThanOrEqual(TOWER_BOUND);
    expect(relativeError(halved, encoded)).toBeGreaterThan(0);
  });
});
