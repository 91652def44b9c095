import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { safetensors, type WeightRow } from '../../tiny-checkpoint.js';
import { pytorchFile } from './pytorch-file.js';

/** The checkpoints that `fixtures/make_llava_converted.py` describes. */
export const LLAVA_CHECKPOINTS = ['hf-llava', 'llava', 'mobilevlm', 'mobilevlm2'] as const;
export type LlavaCheckpoint = (typeof LLAVA_CHECKPOINTS)[number];

const FIXTURES = fileURLToPath(new URL('../../fixtures/', import.meta.url));
const TOKENIZER_FILES = ['tokenizer.model', 'tokenizer.json', 'tokenizer_config.json'];

export interface LlavaFolders {
  readonly dir: string;
  /** The CLIP folder of a checkpoint that only names its tower. */
  readonly visionTower: string | undefined;
}

/** Writes a tiny random checkpoint as its makers would: `llava` of PyTorch, the others in safetensors. */
export async function writeLlavaCheckpoint(name: LlavaCheckpoint, dir: string): Promise<LlavaFolders> {
  await mkdir(dir, { recursive: true });
  await cp(join(FIXTURES, 'llava', name), dir, { recursive: true });
  for (const file of TOKENIZER_FILES) await cp(join(FIXTURES, 'hf/tiny-llama-spm', file), join(dir, file));
  const weights = JSON.parse(await readFile(join(dir, 'weights.json'), 'utf8')) as Record<string, WeightRow[]>;
  await rm(join(dir, 'weights.json'));
  await rm(join(dir, 'converted.json'));
  for (const [folder, rows] of Object.entries(weights)) {
    if (name === 'llava') await writeFile(join(dir, folder, 'pytorch_model.bin'), pytorchFile(rows));
    else await writeFile(join(dir, folder, 'model.safetensors'), safetensors(rows));
  }
  return { dir, visionTower: 'clip' in weights ? join(dir, 'clip') : undefined };
}
