import { Type, type Static } from 'typebox';
import { COLOURS, OBJECT_SHAPES, POSITIONS, SIZES, SPLITS, type Colour, type Shape } from './vocabulary.js';

const Pixel = Type.Integer({ minimum: 0 });

export const QUESTION_KINDS = ['colour', 'shape', 'position', 'size', 'count', 'exists', 'relation', 'digit'] as const;

export const SceneObject = Type.Object({
  shape: Type.Enum(OBJECT_SHAPES),
  /** Which digit, when `shape` is `digit`. */
  digit: Type.Optional(Type.Integer({ minimum: 0, maximum: 9 })),
  /** Absent in greyscale pictures. */
  colour: Type.Optional(Type.Enum(COLOURS)),
  size: Type.Enum(SIZES),
  position: Type.Enum(POSITIONS),
  /** Left, top, right, bottom in pixels; right and bottom are one past the object. */
  box: Type.Tuple([Pixel, Pixel, Pixel, Pixel]),
});
export type SceneObject = Static<typeof SceneObject>;

/** An object of a plain scene: always a coloured shape. */
export type PlainObject = Pick<SceneObject, 'size' | 'position'> & { readonly shape: Shape; readonly colour: Colour };

export const SceneQuestion = Type.Object({
  kind: Type.Enum(QUESTION_KINDS),
  question: Type.String({ minLength: 1 }),
  answer: Type.String({ minLength: 1 }),
});
export type SceneQuestion = Static<typeof SceneQuestion>;

/** What is true of one picture: one line of `truths.jsonl`. */
export const SceneTruth = Type.Object({
  /** Path of the picture, relative to the folder of `truths.jsonl`; empty for a scene that was not written. */
  file: Type.String(),
  split: Type.Enum(SPLITS),
  seed: Type.Integer({ minimum: 0 }),
  index: Type.Integer({ minimum: 0 }),
  /** True for a picture without colour, whose objects, captions and questions have none either; absent in plain scenes. */
  greyscale: Type.Optional(Type.Boolean()),
  /** Objects in reading order of their positions. */
  objects: Type.Array(SceneObject, { minItems: 1 }),
  /** The one canonical caption, to be compared word for word. */
  caption: Type.String({ minLength: 1 }),
  /** Other captions that say the same. */
  variants: Type.Array(Type.String({ minLength: 1 })),
  questions: Type.Array(SceneQuestion, { minItems: 1 }),
});
export type SceneTruth = Static<typeof SceneTruth>;
