import { readFile } from 'node:fs/promises';
import type { GgufValue } from '../../../src/formats/gguf/gguf-value.js';
import { readGguf } from '../../../src/formats/gguf/read-gguf.js';
import { writeGguf, type GgufTensorSource } from '../../../src/formats/gguf/write-gguf.js';

/** A GGUF file taken apart, to be changed and written again. */
export interface EditableGguf {
  readonly metadata: Map<string, GgufValue>;
  readonly tensors: Map<string, GgufTensorSource>;
}

/** Writes a changed copy of a GGUF file. @returns `out` */
export async function editGguf(from: string, out: string, change: (contents: EditableGguf) => void): Promise<string> {
  const file = await readGguf(from);
  const bytes = await readFile(from);
  const contents: EditableGguf = {
    metadata: new Map(file.metadata.entries()),
    tensors: new Map(
      file.tensors.map((info) => [info.name, { ...info, data: () => bytes.subarray(info.fileOffset, info.fileOffset + info.bytes) }]),
    ),
  };
  change(contents);
  await writeGguf(out, { metadata: contents.metadata, tensors: [...contents.tensors.values()] });
  return out;
}

/** Replaces one tensor's type, shape or data. */
export function editTensor({ tensors }: EditableGguf, name: string, change: (tensor: GgufTensorSource) => Partial<GgufTensorSource>): void {
  const tensor = tensors.get(name);
  if (tensor === undefined) throw new Error(`the file has no tensor ${name}`);
  const changed = { ...tensor, ...change(tensor) };
  tensors.delete(name);
  tensors.set(changed.name, changed);
}
