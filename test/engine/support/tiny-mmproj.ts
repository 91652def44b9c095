import { readFile } from 'node:fs/promises';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { writeGguf } from '../../../src/formats/gguf/write-gguf.js';
import { fixtureNumbers } from '../../tiny-checkpoint.js';
import { ggufEntry, GgufKey } from './gguf-key.js';
import { parityFile, type TinyVlm } from './parity-case.js';

const MmprojSchema = Type.Object({
  metadata: Type.Array(GgufKey),
  tensors: Type.Array(Type.Tuple([Type.String(), Type.Array(Type.Integer()), Type.Number(), Type.Number()])),
});

/** Writes the vision half that `fixtures/make_vlm.py` describes, in float32. @returns `out` */
export async function writeTinyMmproj(name: TinyVlm, out: string): Promise<string> {
  const { metadata, tensors } = Value.Parse(MmprojSchema, JSON.parse(await readFile(parityFile(name, 'mmproj.json'), 'utf8')));
  let start = 0;
  const sources = tensors.map(([tensor, shape, mean, range]) => {
    const count = shape.reduce((product, extent) => product * extent, 1);
    const values = fixtureNumbers(start, count, mean, range);
    start += count;
    return { name: tensor, type: 'f32' as const, shape: shape.toReversed(), data: () => new Uint8Array(values.buffer) };
  });
  await writeGguf(out, { metadata: new Map(metadata.map(ggufEntry)), tensors: sources });
  return out;
}
