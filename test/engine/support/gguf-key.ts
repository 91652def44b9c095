import { Type, type Static } from 'typebox';
import type { GgufValue } from '../../../src/formats/gguf/gguf-value.js';

/** A key of a GGUF file as fixtures write it. */
export const GgufKey = Type.Union([
  Type.Tuple([Type.String(), Type.Literal('string'), Type.String()]),
  Type.Tuple([Type.String(), Type.Literal('bool'), Type.Boolean()]),
  Type.Tuple([Type.String(), Type.Union([Type.Literal('u32'), Type.Literal('f32')]), Type.Number()]),
  Type.Tuple([Type.String(), Type.Literal('f32[]'), Type.Array(Type.Number())]),
]);

/** Its name and value, as our reader gives them. */
export function ggufEntry([name, type, value]: Static<typeof GgufKey>): [string, GgufValue] {
  return [name, type === 'f32[]' ? { type: 'array', of: 'f32', value: Float32Array.from(value) } : ({ type, value } as GgufValue)];
}
