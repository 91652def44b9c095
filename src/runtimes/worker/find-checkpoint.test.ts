import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findCheckpoint } from './find-checkpoint.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edgevlm-checkpoint-'));
  await mkdir(join(folder, 'model', 'hf'), { recursive: true });
  await mkdir(join(folder, 'model', 'onnx', 'onnx'), { recursive: true });
  await writeFile(join(folder, 'model', 'model-f16.gguf'), '');
  for (const kind of ['hf', 'onnx']) await writeFile(join(folder, 'model', kind, 'config.json'), '{}');
  await writeFile(join(folder, 'model', 'hf', 'model.safetensors'), '');
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

test.each(['model', 'model/hf', 'model/model-f16.gguf'])('%s leads to the folder hf', async (name) => {
  expect(await findCheckpoint(join(folder, name), 'hf')).toEqual({ folder: join(folder, 'model', 'hf') });
});

test.each(['model', 'model/onnx', 'model/model-f16.gguf'])('%s leads to the folder onnx', async (name) => {
  expect(await findCheckpoint(join(folder, name), 'onnx')).toEqual({ folder: join(folder, 'model', 'onnx') });
});

test('what is no path and looks like it is taken from the hub', async () => {
  expect(await findCheckpoint('owner/some-model', 'hf')).toEqual({ hub: 'owner/some-model' });
  expect(await findCheckpoint('some-model', 'hf')).toEqual({ hub: 'some-model' });
});

test.each(['model.gguf', '../model', 'a/b/c', '/nowhere/at-all', ''])('%j is neither', async (name) => {
  await expect(findCheckpoint(name, 'hf')).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
});

test('a folder without weights of this kind is refused in words', async () => {
  await expect(findCheckpoint(join(folder, 'model', 'hf'), 'onnx')).rejects.toMatchObject({ code: 'LOAD_ERROR' });
  await expect(findCheckpoint(folder, 'hf')).rejects.toThrow(/config\.json/);
});
