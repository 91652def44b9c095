import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { convertModel } from '../../../src/convert/convert-model.js';
import type { OutputType } from '../../../src/convert/output-type.js';
import { editGguf } from './edit-gguf.js';
import { writeTinyCheckpoint, type TinyCheckpoint } from '../../tiny-checkpoint.js';

/** GGUF files of a tiny checkpoint. */
export interface TinyModel {
  readonly model: string;
  /** Only of tiny-smolvlm. */
  readonly mmproj?: string;
}

/** A folder of the calling test file, removed after its tests. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'edgevlm-engine-'));
  afterAll(() => rm(folder, { recursive: true }));
  return folder;
}

/** Converts a tiny checkpoint with our converter; call it while the test file is collected. */
export async function tinyModel(name: TinyCheckpoint, type: OutputType = 'f32'): Promise<TinyModel> {
  const folder = await temporaryFolder();
  const dir = await writeTinyCheckpoint(name, join(folder, name));
  const model = join(folder, 'model.gguf');
  if (name !== 'tiny-smolvlm') {
    await convertModel({ dir, out: model, type });
    return { model };
  }
  const mmproj = join(folder, 'mmproj.gguf');
  await convertModel({ dir, out: model, mmprojOut: mmproj, type });
  return { model, mmproj };
}

/** The tiny model as if it had been trained with so many tokens; its rotary positions do not mind. */
export async function longContextModel(name: TinyCheckpoint, tokens: number): Promise<string> {
  const { model } = await tinyModel(name);
  return editGguf(model, join(await temporaryFolder(), 'long.gguf'), ({ metadata }) => {
    metadata.set('llama.context_length', { type: 'u32', value: tokens });
  });
}
