import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { EdgeVlmError } from '../../core/errors.js';
import type { TokenizerJson } from './tokenizer-files.js';

const Vocab = Type.Record(Type.String(), Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1 }));
const Merges = Type.Union([Type.Array(Type.String()), Type.Array(Type.Tuple([Type.String(), Type.String()]))]);

/** The BPE part of a tokenizer.json. */
export interface BpeModel {
  /** Base tokens by text, without the added ones. */
  readonly ids: ReadonlyMap<string, number>;
  readonly merges: readonly (readonly [left: string, right: string])[];
}

/** @throws EdgeVlmError CHECKPOINT_UNSUPPORTED for other models than BPE, CHECKPOINT_INVALID. */
export function bpeModel(path: string, { model }: TokenizerJson): BpeModel {
  // Old files leave the type out; BPE is the one that has merges.
  const type = model.type ?? (model.merges === undefined ? 'unknown' : 'BPE');
  if (type !== 'BPE') throw new EdgeVlmError('CHECKPOINT_UNSUPPORTED', `${path}: the model is ${type}, only BPE can be converted`);
  if (!Value.Check(Vocab, model.vocab)) throw new EdgeVlmError('CHECKPOINT_INVALID', `${path}: model.vocab is no table of token ids`);
  if (!Value.Check(Merges, model.merges)) throw new EdgeVlmError('CHECKPOINT_INVALID', `${path}: model.merges is no list of pairs`);
  const merges = model.merges.map((merge) => (typeof merge === 'string' ? parts(path, merge) : merge));
  return { ids: new Map(Object.entries(model.vocab)), merges };
}

function parts(path: string, merge: string): [string, string] {
  const [left, right, ...more] = merge.split(' ');
  if (left && right && more.length === 0) return [left, right];
  throw new EdgeVlmError('CHECKPOINT_INVALID', `${path}: the merge "${merge}" is no pair`);
}
