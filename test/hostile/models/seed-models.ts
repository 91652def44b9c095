import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { convertModel } from '../../../src/convert/convert-model.js';
import type { OutputType } from '../../../src/convert/output-type.js';
import { readGguf } from '../../../src/formats/gguf/read-gguf.js';
import type { TinyVlm } from '../../engine/support/parity-case.js';
import { writeTinyMmproj } from '../../engine/support/tiny-mmproj.js';
import { type TinyCheckpoint, writeTinyCheckpoint } from '../../tiny-checkpoint.js';
import { parseRawGguf, type RawGguf } from './raw-gguf.js';

/** A sound model that cases are made from. */
export interface SeedModel {
  readonly name: string;
  readonly model: RawGguf;
  readonly mmproj: RawGguf | null;
}

/** The precisions that tiny checkpoints are converted to; together they have every kind of kernel the converter writes for. */
const TYPES: Readonly<Record<TinyCheckpoint, readonly OutputType[]>> = {
  'tiny-llama-spm': ['q8_0', 'f16'],
  'tiny-llama-bpe': ['q4_0'],
  'tiny-smolvlm': ['q8_0'],
};
/** The language model that stands before the vision halves of `fixtures/parity`, of which it has the width. */
const PARTNER = 'tiny-llama-spm';

/** A model of every family whose fixture lies in `test/fixtures`. @param folder for files on the way */
export async function seedModels(folder: string): Promise<SeedModel[]> {
  const seeds: SeedModel[] = [];
  for (const name of await list('hf')) {
    for (const type of TYPES[name as TinyCheckpoint]) {
      const dir = await writeTinyCheckpoint(name as TinyCheckpoint, join(folder, `${name}-${type}`));
      const out = join(dir, 'model.gguf');
      const mmprojOut = join(dir, 'mmproj.gguf');
      const isVision = name === 'tiny-smolvlm';
      await convertModel({ dir, out, type, ...(isVision && { mmprojOut }) });
      seeds.push({ name: `${name} ${type}`, model: await readRaw(out), mmproj: isVision ? await readRaw(mmprojOut) : null });
    }
  }
  const partner = seeds.find(({ name }) => name.startsWith(PARTNER));
  if (partner === undefined) throw new Error(`there is no fixture ${PARTNER}`);
  for (const name of await list('parity')) {
    if (!(await readdir(fixture(`parity/${name}`))).includes('mmproj.json')) continue;
    const path = await writeTinyMmproj(name as TinyVlm, join(folder, `${name}.gguf`));
    seeds.push({ name, model: partner.model, mmproj: await readRaw(path) });
  }
  return seeds;
}

async function list(folder: string): Promise<string[]> {
  return (await readdir(fixture(folder))).sort();
}

function fixture(path: string): string {
  return fileURLToPath(new URL(`../../fixtures/${path}`, import.meta.url));
}

async function readRaw(path: string): Promise<RawGguf> {
  const { tensors } = await readGguf(path);
  return parseRawGguf(await readFile(path), tensors);
}
