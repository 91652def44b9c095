import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { entryNamed } from '../../src/catalogue/entry-named.js';
import { findModel } from '../../src/catalogue/find-model.js';
import type { HubSettings } from '../../src/catalogue/hub/hub-settings.js';
import type { ModelEntry } from '../../src/catalogue/model-entry.js';
import { modelState } from '../../src/catalogue/pull/model-state.js';
import { pullModel, type PullReport } from '../../src/catalogue/pull/pull-model.js';
import { readManifest } from '../../src/catalogue/pull/pulled-manifest.js';
import { removeModel } from '../../src/catalogue/pull/remove-model.js';
import { verifyFiles } from '../../src/catalogue/pull/verify-files.js';
import { FakeHub } from './support/fake-hub.js';

const signal = new AbortController().signal;
const TINY = entryNamed('tinyllama');
const MOBILE = entryNamed('mobilevlm');

let hub: FakeHub;
let root = '';
let folder = '';
beforeEach(async () => {
  hub = await FakeHub.start();
  for (const { repository, files } of [TINY, MOBILE]) {
    for (const { path } of files) hub.put(`${repository ?? ''}/${path}`, randomBytes(70_000));
  }
  root = await mkdtemp(join(tmpdir(), 'pull-'));
  folder = join(root, 'models');
  await mkdir(folder);
});
afterEach(async () => {
  await hub.close();
  await rm(root, { recursive: true });
});

const settings = (): Promise<HubSettings> => Promise.resolve({ endpoint: new URL(`${hub.endpoint}/`) });
const unreachable = (): Promise<HubSettings> => Promise.reject(new Error('the network was asked for'));
const pull = (entry: ModelEntry, more: { force?: boolean; settings?: () => Promise<HubSettings> } = {}): Promise<PullReport> =>
  pullModel({ entry, folder, settings, signal, download: { retries: 0, pieceBytes: 20_000 }, ...more });
const states = ({ files }: PullReport): string[] => files.map(({ state }) => state);
const find = (model: string): ReturnType<typeof findModel> => findModel({ model }, [folder]);

describe('what was pulled', () => {
  it("has the seed's file names and is found by them and by the catalogue's", async () => {
    expect(states(await pull(TINY))).toEqual(['downloaded']);
    expect(states(await pull(MOBILE))).toEqual(['downloaded', 'downloaded']);
    const tiny = join(folder, 'tinyllama_1.1b_q4.gguf');
    const mobile = join(folder, 'mobilevlm_v2_1.7b_q4.gguf');
    for (const name of ['tinyllama_1.1b_q4', 'tinyllama', 'TinyLlama-1.1B', tiny]) {
      expect(await find(name)).toEqual({ model: tiny, mmprojGuessed: false });
    }
    const mmproj = join(folder, 'mobilevlm/mmproj-model-f16.gguf');
    for (const name of ['mobilevlm_v2_1.7b_q4', 'mobilevlm', 'mtgv/MobileVLM_V2-1.7B']) {
      expect(await find(name)).toEqual({ model: mobile, mmproj, mmprojGuessed: false });
    }
  });

  it('is not asked for again, so it works without a network', async () => {
    await pull(MOBILE);
    expect(states(await pull(MOBILE, { settings: unreachable }))).toEqual(['present', 'present']);
    expect((await modelState(MOBILE, [folder], root)).state).toBe('here');
  });

  it('is fetched again with --force, and where it was cut', async () => {
    await pull(TINY);
    const file = join(folder, 'tinyllama_1.1b_q4.gguf');
    await writeFile(file, 'cut');
    expect((await modelState(TINY, [folder], root)).state).toBe('not here');
    expect(states(await pull(TINY))).toEqual(['downloaded']);
    expect(states(await pull(TINY, { force: true }))).toEqual(['downloaded']);
    expect((await readFile(file)).length).toBe(70_000);
  });

  it('is verified byte by byte', async () => {
    await pull(TINY);
    const { files } = (await readManifest(folder, 'tinyllama')) ?? { files: [] };
    expect(await verifyFiles(folder, files, { signal })).toMatchObject([{ state: 'ok' }]);
    const path = join(folder, 'tinyllama_1.1b_q4.gguf');
    const bytes = await readFile(path);
    bytes[1234] = (bytes[1234] ?? 0) ^ 1;
    await writeFile(path, bytes);
    expect(await verifyFiles(folder, files, { signal })).toMatchObject([{ state: 'damaged' }]);
    await rm(path);
    expect(await verifyFiles(folder, files, { signal })).toMatchObject([{ state: 'missing' }]);
  });

  it('keeps its first file when the second fails', async () => {
    hub.files.delete('ZiangWu/MobileVLM_V2-1.7B-GGUF/mmproj-model-f16.gguf');
    await expect(pull(MOBILE)).rejects.toMatchObject({ code: 'DOWNLOAD_FAILED' });
    expect((await modelState(MOBILE, [folder], root)).state).toBe('partly');
    expect((await readManifest(folder, 'mobilevlm'))?.files.length).toBe(1);
  });
});

describe('what is not pulled', () => {
  it('is a file the user put there: it stays, unless --force is given', async () => {
    const file = join(folder, 'tinyllama_1.1b_q4.gguf');
    await writeFile(file, 'mine');
    expect(states(await pull(TINY, { settings: unreachable }))).toEqual(['kept']);
    expect(await removeModel(TINY, folder)).toEqual([]);
    expect(await readFile(file, 'utf8')).toBe('mine');
    expect(states(await pull(TINY, { force: true }))).toEqual(['downloaded']);
  });

  it('is a file that is not the one the catalogue knows', async () => {
    const [file] = TINY.files;
    if (file === undefined) throw new Error('TinyLlama has a file');
    const strict = { ...TINY, files: [{ ...file, sha256: 'a'.repeat(64) }] };
    await expect(pull(strict)).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
    expect(await readdir(folder)).toEqual([]);
  });

  it('is a model without known files, or one that is shipped', async () => {
    await expect(pull(entryNamed('efficientdet-d1'))).rejects.toMatchObject({ code: 'MODEL_UNKNOWN' });
    expect(states(await pull(entryNamed('shapes'), { settings: unreachable }))).toContain('shipped');
  });

  it('is told by find-model with the command that pulls it', async () => {
    await expect(find('smolvlm-256m')).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      hint: 'Download it: edgevlm models pull --model smolvlm-256m',
    });
  });

  it("is needed where the Hub's own cache has the model", async () => {
    const snapshot = join(folder, 'models--ggml-org--SmolVLM-256M-Instruct-GGUF/snapshots/0123');
    await mkdir(snapshot, { recursive: true });
    for (const name of ['SmolVLM-256M-Instruct-Q8_0.gguf', 'mmproj-SmolVLM-256M-Instruct-Q8_0.gguf'])
      await writeFile(join(snapshot, name), '');
    expect(await find('smolvlm-256m')).toMatchObject({
      model: join(snapshot, 'SmolVLM-256M-Instruct-Q8_0.gguf'),
      mmproj: join(snapshot, 'mmproj-SmolVLM-256M-Instruct-Q8_0.gguf'),
    });
  });
});

describe('rm', () => {
  it('removes what was pulled, unfinished downloads and its own folder, and nothing else', async () => {
    await pull(MOBILE);
    await pull(TINY);
    await writeFile(join(folder, 'mobilevlm/notes.txt'), 'mine');
    await writeFile(join(folder, 'tinyllama_1.1b_q4.gguf.part'), 'half');
    expect((await removeModel(MOBILE, folder)).length).toBe(2);
    expect((await removeModel(TINY, folder)).length).toBe(2);
    expect(await readdir(folder)).toEqual(['mobilevlm']);
    expect(await readdir(join(folder, 'mobilevlm'))).toEqual(['notes.txt']);
  });

  it.each(['../outside.gguf', '/etc/hostname', 'a/../../outside.gguf', '.pulled/../../outside.gguf', 'a\\..\\outside.gguf'])(
    'does not believe a record that names %s',
    async (as) => {
      await pull(TINY);
      await writeFile(join(root, 'outside.gguf'), 'mine');
      const record = join(folder, '.pulled/tinyllama.json');
      const manifest = JSON.parse(await readFile(record, 'utf8')) as { files: { as: string }[] };
      await writeFile(record, JSON.stringify({ ...manifest, files: [{ ...manifest.files[0], as }] }));
      await expect(removeModel(TINY, folder)).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
      expect(await readFile(join(root, 'outside.gguf'), 'utf8')).toBe('mine');
    },
  );

  it('does not follow a link that took the place of a folder', async () => {
    await pull(MOBILE);
    const outside = join(root, 'outside/mmproj-model-f16.gguf');
    await mkdir(dirname(outside));
    await writeFile(outside, 'mine');
    await rm(join(folder, 'mobilevlm'), { recursive: true });
    await symlink(dirname(outside), join(folder, 'mobilevlm'));
    await expect(removeModel(MOBILE, folder)).rejects.toMatchObject({ code: 'FILE_UNWRITABLE' });
    expect(await readFile(outside, 'utf8')).toBe('mine');
  });
});
