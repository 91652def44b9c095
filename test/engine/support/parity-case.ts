import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import type { ImageTile } from '../../../src/core/image.js';
import { GgufKey } from './gguf-key.js';
import type { TinyCheckpoint } from '../../tiny-checkpoint.js';

const CaseSchema = Type.Object({
  prompt: Type.String(),
  promptIds: Type.Array(Type.Integer()),
  generatedIds: Type.Array(Type.Integer()),
  vocabSize: Type.Integer(),
  smallestGap: Type.Number(),
  imageTokenId: Type.Optional(Type.Integer()),
  pixelShape: Type.Optional(Type.Array(Type.Integer())),
  keys: Type.Optional(Type.Array(GgufKey)),
  ropeFactors: Type.Optional(Type.Array(Type.Number())),
  rows: Type.Optional(Type.Integer()),
  columns: Type.Optional(Type.Integer()),
});

/** What Hugging Face Transformers made of a tiny checkpoint; `fixtures/make_logits.py` describes the fields. */
export type ParityCase = Static<typeof CaseSchema> & {
  /** One row per generated token, each [vocabSize]. */
  readonly logits: readonly Float32Array[];
};

/** Checkpoints that Transformers ran, and those of `fixtures/make_vlm.py` and `fixtures/make_rope.py`. */
export type ParityName = TinyCheckpoint | TinyVlm | TinyRope;
export type TinyVlm = 'tiny-llava' | 'tiny-mobilevlm' | 'tiny-mobilevlm-v2';
export type TinyRope = 'rope-linear' | 'rope-llama3' | 'rope-yarn' | 'rope-yarn-attention' | 'sliding-window';

/** A file of a case. */
export function parityFile(name: ParityName, file: string): string {
  return fileURLToPath(new URL(`../../fixtures/parity/${name}/${file}`, import.meta.url));
}

export async function readParityCase(name: ParityName): Promise<ParityCase> {
  const fields = Value.Parse(CaseSchema, JSON.parse(await readFile(parityFile(name, 'case.json'), 'utf8')));
  const bytes = await readFile(parityFile(name, 'logits.f32'));
  const all = new Float32Array(Uint8Array.from(bytes).buffer);
  const logits = fields.generatedIds.map((_, row) => all.subarray(row * fields.vocabSize, (row + 1) * fields.vocabSize));
  return { ...fields, logits };
}

/** The reference's pixels as tiles. */
export async function readParityTiles(
  name: ParityName,
  [count = 0, channels = 0, height = 0, width = 0]: readonly number[],
): Promise<ImageTile[]> {
  const planes = await readFile(parityFile(name, 'pixels.u8'));
  const area = width * height;
  return Array.from({ length: count }, (_, tile) => ({
    width,
    height,
    rgb: Uint8Array.from(
      { length: channels * area },
      (_, i) => planes[(tile * channels + (i % channels)) * area + Math.floor(i / channels)] ?? 0,
    ),
  }));
}
