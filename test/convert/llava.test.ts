import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { convertModel, type ConvertOptions } from '../../src/convert/convert-model.js';
import { EdgeVlmError } from '../../src/core/errors.js';
import { Engine } from '../../src/engine/engine.js';
import { readGguf } from '../../src/formats/gguf/read-gguf.js';
import { temporaryFolder } from '../engine/support/tiny-models.js';
import { safetensors, type WeightRow, writeTinyCheckpoint } from '../tiny-checkpoint.js';
import { LLAVA_CHECKPOINTS, type LlavaCheckpoint, type LlavaFolders, writeLlavaCheckpoint } from './support/llava-checkpoint.js';
import { pytorchFile } from './support/pytorch-file.js';

const FIXTURES = fileURLToPath(new URL('../fixtures/', import.meta.url));
const PROJECTORS = { 'hf-llava': 'mlp', llava: 'mlp', mobilevlm: 'ldp', mobilevlm2: 'ldpv2' } as const;
const folder = await temporaryFolder();

/** One file of llama.cpp's converters, as fixtures/make_converted.py describes it. */
interface Reference {
  readonly sha256: string;
  readonly metadata: readonly (readonly [key: string, type: string, value: unknown])[];
  readonly tensors: readonly (readonly [name: string, type: string, shape: readonly number[], sha256: string])[];
}

const fresh = (): Promise<string> => mkdtemp(join(folder, 'case-'));
const checkpoint = async (name: LlavaCheckpoint): Promise<LlavaFolders> => writeLlavaCheckpoint(name, join(await fresh(), name));
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

async function converted(folders: LlavaFolders, type: 'f16' | 'f32' = 'f16'): Promise<{ readonly model: string; readonly mmproj: string }> {
  const place = await fresh();
  const [model, mmproj] = [join(place, 'model.gguf'), join(place, 'mmproj.gguf')];
  await convertModel({ ...folders, out: model, mmprojOut: mmproj, type });
  return { model, mmproj };
}

describe.each(LLAVA_CHECKPOINTS)('%s', (name) => {
  test("as f16 gives the files of llama.cpp's converter and of its script for LLaVA, byte for byte", async () => {
    const references = JSON.parse(await readFile(join(FIXTURES, 'llava', name, 'converted.json'), 'utf8')) as Record<string, Reference>;
    const { model, mmproj } = await converted(await checkpoint(name));
    for (const [path, reference] of [[model, references['f16']] as const, [mmproj, references['mmproj-f16']] as const]) {
      const bytes = await readFile(path);
      const { metadata, tensors } = await readGguf(path);
      // First what can be read when it differs.
      expect([...metadata.entries()].map(([key]) => key)).toEqual(reference?.metadata.map(([key]) => key));
      expect(
        tensors.map((info) => [info.name, info.type, info.shape, sha256(bytes.subarray(info.fileOffset, info.fileOffset + info.bytes))]),
      ).toEqual(reference?.tensors);
      expect(sha256(bytes)).toBe(reference?.sha256);
    }
  });

  test('as f32 keeps every number, and says which projector it has', async () => {
    const { mmproj } = await converted(await checkpoint(name), 'f32');
    const { metadata, tensors } = await readGguf(mmproj);
    expect(new Set(tensors.map(({ type }) => type))).toEqual(new Set(['f32']));
    expect(metadata.string('clip.projector_type')).toBe(PROJECTORS[name]);
    expect(metadata.number('clip.vision.block_count')).toBe(2);
  });
});

test.each(['hf-llava', 'llava', 'mobilevlm'] as const)('%s is loaded by the engine', async (name) => {
  const { model, mmproj } = await converted(await checkpoint(name), 'f32');
  using engine = await Engine.load({ model, mmproj, threads: 1, context: 64 });
  expect(engine.tokensPerTile).toBe(name === 'mobilevlm' ? 1 : 4);
});

describe('other layouts of the same checkpoint', () => {
  async function rowsOf(name: LlavaCheckpoint): Promise<Record<string, WeightRow[]>> {
    return JSON.parse(await readFile(join(FIXTURES, 'llava', name, 'weights.json'), 'utf8')) as Record<string, WeightRow[]>;
  }

  test("of PyTorch's files or in safetensors give the same model", async () => {
    const folders = await checkpoint('llava');
    const before = await converted(folders);
    await rm(join(folders.dir, 'pytorch_model.bin'));
    await writeFile(join(folders.dir, 'model.safetensors'), safetensors((await rowsOf('llava'))[''] ?? []));
    const after = await converted(folders);
    for (const half of ['model', 'mmproj'] as const) expect((await readFile(before[half])).equals(await readFile(after[half]))).toBe(true);
  });

  test('with the names of Transformers 5 give the same model', async () => {
    const folders = await checkpoint('hf-llava');
    const before = await converted(folders);
    const rename_ = (name: string): string =>
      name
        .replace('language_model.model.', 'model.language_model.')
        .replace('language_model.lm_head', 'lm_head')
        .replace('vision_tower.vision_model.', 'model.vision_tower.')
        .replace('multi_modal', 'model.multi_modal');
    const rows = ((await rowsOf('hf-llava'))[''] ?? []).map(([name, ...rest]): WeightRow => [rename_(name), ...rest]);
    await writeFile(join(folders.dir, 'model.safetensors'), safetensors(rows));
    const after = await converted(folders);
    for (const half of ['model', 'mmproj'] as const) expect((await readFile(before[half])).equals(await readFile(after[half]))).toBe(true);
  });

  test('with a CLIP of both parts in the folder, and pictures described there, give the same tower', async () => {
    const folders = await checkpoint('mobilevlm');
    const before = await converted(folders);
    const path = join(folders.visionTower ?? '', 'config.json');
    const { projection_dim: projection, ...vision } = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
    await writeFile(
      path,
      JSON.stringify({ architectures: ['CLIPModel'], projection_dim: projection, vision_config: vision, text_config: {} }),
    );
    const rows = (await rowsOf('mobilevlm'))['clip'] ?? [];
    const others: WeightRow[] = [
      ['text_model.embeddings.position_embedding.weight', [3, 4], 0, 1],
      ['logit_scale', [], 0, 1],
    ];
    await writeFile(join(folders.visionTower ?? '', 'model.safetensors'), safetensors([...rows, ...others]));
    const image = { size: 28, image_mean: [0.5, 0.25, 0.125], image_std: [0.5, 0.5, 0.5] };
    await writeFile(join(folders.visionTower ?? '', 'preprocessor_config.json'), JSON.stringify(image));
    const [a, b] = [await readGguf(before.mmproj), await readGguf((await converted(folders)).mmproj)];
    expect([...b.metadata.numbers('clip.vision.image_mean')]).toEqual(image.image_mean);
    expect(b.metadata.number('clip.vision.projection_dim')).toBe(a.metadata.number('clip.vision.projection_dim'));
    expect(b.tensors).toEqual(a.tensors.map((info) => ({ ...info, fileOffset: info.fileOffset - a.dataOffset + b.dataOffset })));
  });

  test('whose tower is inside and in a folder use the one inside', async () => {
    const { dir } = await checkpoint('llava');
    const { mmproj } = await converted({ dir, visionTower: undefined });
    const { visionTower } = await checkpoint('mobilevlm');
    const { mmproj: withFolder } = await converted({ dir, visionTower });
    const patches = async (path: string): Promise<Buffer> => {
      const info = (await readGguf(path)).tensors.find(({ name }) => name === 'v.patch_embd.weight');
      return (await readFile(path)).subarray(info?.fileOffset, (info?.fileOffset ?? 0) + (info?.bytes ?? 0));
    };
    expect((await patches(mmproj)).equals(await patches(withFolder))).toBe(true);
  });

  test('a text model of PyTorch is converted like one in safetensors, in one file or several', async () => {
    const dir = await writeTinyCheckpoint('tiny-llama-spm', join(await fresh(), 'tiny-llama-spm'));
    const out = async (): Promise<Buffer> => {
      const path = join(await fresh(), 'model.gguf');
      await convertModel({ dir, out: path, type: 'q8_0' });
      return readFile(path);
    };
    const before = await out();
    const rows = JSON.parse(await readFile(join(FIXTURES, 'hf/tiny-llama-spm/weights.json'), 'utf8')) as WeightRow[];
    await rm(join(dir, 'model.safetensors'));
    await writeFile(join(dir, 'pytorch_model.bin'), pytorchFile(rows));
    expect((await out()).equals(before)).toBe(true);
    await rename(join(dir, 'pytorch_model.bin'), join(dir, 'pytorch_model-00001-of-00001.bin'));
    const weightMap = Object.fromEntries(rows.map(([name]) => [name, 'pytorch_model-00001-of-00001.bin']));
    await writeFile(join(dir, 'pytorch_model.bin.index.json'), JSON.stringify({ weight_map: weightMap }));
    expect((await out()).equals(before)).toBe(true);
  });
});

describe('a checkpoint that cannot be converted is refused before anything is written', () => {
  async function refusal(folders: LlavaFolders, options: Partial<ConvertOptions> = {}): Promise<unknown> {
    const place = await fresh();
    try {
      await convertModel({ ...folders, out: join(place, 'a.gguf'), mmprojOut: join(place, 'b.gguf'), type: 'f16', ...options });
      return 'none';
    } catch (error) {
      expect(await readdir(place)).toEqual([]);
      return error instanceof EdgeVlmError ? error.code : error;
    }
  }

  async function edited(name: LlavaCheckpoint, change: object): Promise<LlavaFolders> {
    const folders = await checkpoint(name);
    const path = join(folders.dir, 'config.json');
    await writeFile(path, JSON.stringify({ ...(JSON.parse(await readFile(path, 'utf8')) as object), ...change }));
    return folders;
  }

  test('without its tower, saying which one it names; its language half alone is converted', async () => {
    const { dir } = await checkpoint('mobilevlm');
    const place = await fresh();
    await expect(convertModel({ dir, out: join(place, 'a.gguf'), mmprojOut: join(place, 'b.gguf'), type: 'f16' })).rejects.toMatchObject({
      code: 'MODEL_INCOMPLETE',
      message: expect.stringMatching(/openai\/clip-vit-large-patch14-336/) as string,
    });
    expect(await refusal({ dir, visionTower: undefined }, { mmprojOut: undefined })).toBe('none');
    expect(await refusal({ dir, visionTower: join(dir, 'nowhere') })).toBe('FILE_NOT_FOUND');
  });

  test.each<[what: string, name: LlavaCheckpoint, change: object]>([
    ['another projector', 'llava', { mm_projector_type: 'linear' }],
    ['a projector that is a property of objects', 'llava', { mm_projector_type: 'constructor' }],
    ['features of several layers', 'hf-llava', { vision_feature_layer: [-2, -5] }],
    ['the class token among the features', 'hf-llava', { vision_feature_select_strategy: 'full' }],
    ['another activation of the projector', 'hf-llava', { projector_hidden_act: 'relu' }],
    ['another activation of the tower', 'hf-llava', { vision_config: { hidden_act: 'gelu' } }],
    ['an architecture that is a property of objects', 'llava', { architectures: ['toString'] }],
  ])('with %s', async (_, name, change) => {
    expect(await refusal(await edited(name, change))).toBe('CHECKPOINT_UNSUPPORTED');
  });

  test.each<[what: string, name: LlavaCheckpoint, change: object, code: string]>([
    ['features of a layer that it has not', 'llava', { mm_vision_select_layer: -9 }, 'CHECKPOINT_INVALID'],
    [
      'a tower of other sizes',
      'hf-llava',
      { vision_config: { hidden_size: 128, num_hidden_layers: 3, image_size: 28, patch_size: 14 } },
      'CHECKPOINT_INVALID',
    ],
    ['the projector of another family', 'llava', { mm_projector_type: 'ldpnetv2' }, 'CHECKPOINT_UNSUPPORTED'],
  ])('with %s', async (_, name, change, code) => {
    expect(await refusal(await edited(name, change))).toBe(code);
  });
});
