import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { convertModel } from '../../src/convert/convert-model.js';
import { readGguf } from '../../src/formats/gguf/read-gguf.js';
import { writeGguf } from '../../src/formats/gguf/write-gguf.js';
import { writeTinyCheckpoint } from '../tiny-checkpoint.js';

/**
 * Fills `home/models`, where `EDGEVLM_HOME=home` has names looked up: `vision/tiny-f16.gguf` with its vision half beside it,
 * and `text/plain-f16.gguf`, a language model of another width.
 */
export async function writeTinyModels(home: string): Promise<void> {
  const models = join(home, 'models');
  for (const folder of ['vision', 'text']) await mkdir(join(models, folder), { recursive: true });
  await convertModel({
    dir: await writeTinyCheckpoint('tiny-smolvlm', join(home, 'tiny')),
    out: join(models, 'vision/tiny-f16.gguf'),
    mmprojOut: join(models, 'vision/mmproj-tiny-f16.gguf'),
    type: 'f16',
  });
  const plain = await writeTinyCheckpoint('tiny-llama-spm', join(home, 'plain'));
  await convertModel({ dir: plain, out: join(models, 'text/plain-f16.gguf'), type: 'f16' });
}

/** Copies a LLaMA file as one of `layers` layers, each the first one again, that was trained with `context` tokens. */
export async function writeStretchedModel(
  from: string,
  to: string,
  { layers, context }: { layers: number; context: number },
): Promise<void> {
  const [file, bytes] = await Promise.all([readGguf(from), readFile(from)]);
  const shared = file.tensors.filter(({ name }) => !name.startsWith('blk.'));
  const first = file.tensors.filter(({ name }) => name.startsWith('blk.0.'));
  const copies = Array.from({ length: layers }, (_, layer) =>
    first.map((info) => ({ ...info, name: info.name.replace('.0.', `.${layer}.`) })),
  );
  const tensors = [...shared, ...copies.flat()].map((info) => ({
    ...info,
    data: () => bytes.subarray(info.fileOffset, info.fileOffset + info.bytes),
  }));
  const metadata = new Map(file.metadata.entries())
    .set('llama.block_count', { type: 'u32', value: layers })
    .set('llama.context_length', { type: 'u32', value: context });
  await writeGguf(to, { metadata, tensors });
}
