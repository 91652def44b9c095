import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import type { TinyCheckpoint } from '../../tiny-checkpoint.js';

const CaseSchema = Type.Object({
  prompt: Type.String(),
  promptIds: Type.Array(Type.Integer()),
  generatedIds: Type.Array(Type.Integer()),
  vocabSize: Type.Integer(),
  smallestGap: Type.Number(),
  imageTokenId: Type.Optional(Type.Integer()),
  pixelShape: Type.Optional(Type.Array(Type.Integer())),
  rows: Type.Optional(Type.Integer()),
  columns: Type.Optional(Type.Integer()),
});

/** What Hugging Face Transformers made of a tiny checkpoint; `fixtures/make_logits.py` describes the fields. */
export type ParityCase = Static<typeof CaseSchema> & {
  /** One row per generated token, each [vocabSize]. */
  readonly logits: readonly Float32Array[];
};

/** A file of a case. */
export function parityFile(name: TinyCheckpoint, file: string): string {
  return fileURLToPath(new URL(`../../fixtures/parity/${name}/${file}`, import.meta.url));
}

export async function readParityCase(name: TinyCheckpoint): Promise<ParityCase> {
  const fields = Value.Parse(CaseSchema, JSON.parse(await readFile(parityFile(name, 'case.json'), 'utf8')));
  const bytes = await readFile(parityFile(name, 'logits.f32'));
  const all = new Float32Array(Uint8Array.from(bytes).buffer);
  const logits = fields.generatedIds.map((_, row) => all.subarray(row * fields.vocabSize, (row + 1) * fields.vocabSize));
  return { ...fields, logits };
}
