import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkpoints that `fixtures/make_hf.py` describes. */
export type TinyCheckpoint = 'tiny-llama-bpe' | 'tiny-llama-spm' | 'tiny-smolvlm';

/** Name, shape (PyTorch order), mean and range of a tensor's numbers. */
export type WeightRow = [name: string, shape: number[], mean: number, range: number];

const HF = fileURLToPath(new URL('fixtures/hf/', import.meta.url));

/**
 * Writes a tiny random checkpoint as a Hugging Face folder with float32 weights. The numbers are those of
 * `materialise` in `fixtures/make_hf.py`, so what PyTorch and llama.cpp's converter made of them there holds here.
 * @returns `folder`
 */
export async function writeTinyCheckpoint(name: TinyCheckpoint, folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  await cp(join(HF, name), folder, { recursive: true });
  const list = join(folder, 'weights.json');
  const rows = JSON.parse(await readFile(list, 'utf8')) as WeightRow[];
  await rm(list);
  await writeFile(join(folder, 'model.safetensors'), safetensors(rows));
  return folder;
}

/** A safetensors file of these tensors. */
export function safetensors(rows: readonly WeightRow[]): Buffer {
  const header: Record<string, unknown> = {};
  const parts: Buffer[] = [];
  let element = 0;
  for (const [name, shape, mean, range] of rows) {
    const count = shape.reduce((product, size) => product * size, 1);
    const values = fixtureNumbers(element, count, mean, range);
    header[name] = { dtype: 'F32', shape, data_offsets: [4 * element, 4 * (element + count)] };
    parts.push(Buffer.from(values.buffer));
    element += count;
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, ...parts]);
}

/** The numbers from element `start` on, as `numbers` in make_hf.py makes them. */
export function fixtureNumbers(start: number, count: number, mean: number, range: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: count }, (_, index) => mean + range * (hash(start + index) / 2 ** 32 - 0.5));
}

/** `lowbias32`, as in make_hf.py. */
function hash(index: number): number {
  let x = index >>> 0;
  x ^= x >>> 16;
  x = Math.imul(x, 0x7feb352d);
  x ^= x >>> 15;
  x = Math.imul(x, 0x846ca68b);
  x ^= x >>> 16;
  return x >>> 0;
}
