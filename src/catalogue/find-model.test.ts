import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EdgeVlmError } from '../core/errors.js';
import { findModel, type ModelRequest } from './find-model.js';

let root = '';
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'find-model-'));
});
afterEach(() => rm(root, { recursive: true }));

async function put(...paths: string[]): Promise<void> {
  for (const path of paths) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), '');
  }
}

const find = (request: ModelRequest) => findModel(request, [join(root, 'mine'), join(root, 'package')]);

async function errorOf(request: ModelRequest): Promise<EdgeVlmError> {
  const thrown: unknown = await find(request).catch((error: unknown) => error);
  if (!(thrown instanceof EdgeVlmError)) throw new Error(`expected an EdgeVlmError, got ${String(thrown)}`);
  return thrown;
}

describe('the language half', () => {
  it('is the file at a path that exists, before any name', async () => {
    await put('mine/shapes-f16.gguf', 'elsewhere/any.bin');
    expect((await find({ model: join(root, 'elsewhere/any.bin') })).model).toBe(join(root, 'elsewhere/any.bin'));
  });

  it('is found by name in a folder or one below, f16 unless another precision is named', async () => {
    await put('package/shapes/shapes-f16.gguf', 'package/shapes/shapes-q8_0.gguf', 'mine/other.gguf');
    expect((await find({ model: 'shapes' })).model).toBe(join(root, 'package/shapes/shapes-f16.gguf'));
    expect((await find({ model: 'shapes:q8_0' })).model).toBe(join(root, 'package/shapes/shapes-q8_0.gguf'));
    expect((await find({ model: 'shapes-q8_0.gguf' })).model).toBe(join(root, 'package/shapes/shapes-q8_0.gguf'));
    expect((await find({ model: 'other' })).model).toBe(join(root, 'mine/other.gguf'));
  });

  it("is the user's before the package's", async () => {
    await put('package/shapes/shapes-f16.gguf', 'mine/shapes-f16.gguf');
    expect((await find({ model: 'shapes' })).model).toBe(join(root, 'mine/shapes-f16.gguf'));
  });

  it('is found in the layout of the Hub cache, where files are links and names have capitals', async () => {
    const snapshot = 'mine/models--owner--SmolVLM-GGUF/snapshots/0123abcd';
    await put('mine/models--owner--SmolVLM-GGUF/blobs/ff');
    await mkdir(join(root, snapshot), { recursive: true });
    await symlink('../../blobs/ff', join(root, snapshot, 'SmolVLM-Q8_0.gguf'));
    expect((await find({ model: 'smolvlm:q8_0' })).model).toBe(join(root, snapshot, 'SmolVLM-Q8_0.gguf'));
  });

  it('that does not exist is an error that tells where was looked and what there is', async () => {
    await put('package/shapes/shapes-q8_0.gguf', 'package/shapes/mmproj-shapes-f16.gguf');
    const error = await errorOf({ model: 'shapes:q4_0' });
    expect(error.code).toBe('FILE_NOT_FOUND');
    expect(error.message).toContain('shapes-q4_0.gguf');
    expect(error.message).toContain(join(root, 'mine'));
    expect(error.message).toContain(join(root, 'package'));
    expect(error.message).toMatch(/of shapes there is shapes-q8_0\.gguf$/);
  });

  it.each(['../secret', '..', 'a/../../secret', 'a\\b', '/secret', '.hidden', '', 'x:../../secret', 'secret.gguf:f16'])(
    'is not looked up by %j, which is no name',
    async (model) => {
      await put('secret-f16.gguf', 'secret.gguf', 'mine/.hidden-f16.gguf');
      const error = await errorOf({ model });
      expect([error.code, error.message]).toEqual(['FILE_NOT_FOUND', `${model} does not exist`]);
    },
  );
});

describe('the vision half', () => {
  it('is the one mmproj file beside the model; with a path it is said to be a guess', async () => {
    await put('mine/shapes/shapes-f16.gguf', 'mine/shapes/mmproj-shapes-f16.gguf');
    const mmproj = join(root, 'mine/shapes/mmproj-shapes-f16.gguf');
    expect(await find({ model: 'shapes' })).toMatchObject({ mmproj, mmprojGuessed: false });
    expect(await find({ model: join(root, 'mine/shapes/shapes-f16.gguf') })).toMatchObject({ mmproj, mmprojGuessed: true });
  });

  it('is absent where there is none, where none is wanted, and beside itself', async () => {
    await put('mine/text.gguf', 'mine/b/shapes-f16.gguf', 'mine/b/mmproj-shapes-f16.gguf');
    expect(await find({ model: 'text' })).not.toHaveProperty('mmproj');
    expect(await find({ model: 'shapes', vision: false })).not.toHaveProperty('mmproj');
    expect(await find({ model: 'mmproj-shapes-f16.gguf' })).not.toHaveProperty('mmproj');
  });

  it("is absent for a shipped draft, though its target's lies beside it", async () => {
    await put('package/shapes/shapes-draft-f16.gguf', 'package/shapes/shapes-f16.gguf', 'package/shapes/mmproj-shapes-f16.gguf');
    expect(await find({ model: 'shapes-draft' })).not.toHaveProperty('mmproj');
    expect(await find({ model: 'shapes' })).toHaveProperty('mmproj');
  });

  it('must be named where there are several: by path, or by its name beside the model', async () => {
    await put('mine/m-f16.gguf', 'mine/mmproj-a.gguf', 'mine/mmproj-b.gguf', 'elsewhere/c.gguf');
    const error = await errorOf({ model: 'm' });
    expect(error.code).toBe('MMPROJ_MISSING');
    expect(error.message).toContain('mmproj-a.gguf, mmproj-b.gguf');
    expect((await find({ model: 'm', mmproj: 'mmproj-b.gguf' })).mmproj).toBe(join(root, 'mine/mmproj-b.gguf'));
    expect((await find({ model: 'm', mmproj: join(root, 'elsewhere/c.gguf') })).mmproj).toBe(join(root, 'elsewhere/c.gguf'));
    expect((await errorOf({ model: 'm', mmproj: '../elsewhere/c.gguf' })).code).toBe('FILE_NOT_FOUND');
  });
});
