import { Type, type Static } from 'typebox';
import { QUESTION_KINDS, SceneObject } from '../scenes/truth.js';
import { SPLITS } from '../scenes/vocabulary.js';

const PictureNumber = Type.Integer({ minimum: 1 });

const AlbumPicture = Type.Object({
  /** Which picture of the album, from 1: the number that questions name it by. */
  number: PictureNumber,
  /** Path of the picture, relative to the folder of `album.jsonl`. */
  file: Type.String(),
  /** Absent in plain pictures. */
  greyscale: Type.Optional(Type.Boolean()),
  objects: Type.Array(SceneObject, { minItems: 1 }),
  /** What to say when the picture is shown. */
  prompt: Type.String({ minLength: 1 }),
  /** The one canonical answer to `prompt`. */
  caption: Type.String({ minLength: 1 }),
  variants: Type.Array(Type.String({ minLength: 1 })),
});
export type AlbumPicture = Static<typeof AlbumPicture>;

export const AlbumQuestion = Type.Object({
  /** `picture` asks in which picture something was; the others are those of scenes, in the past tense. */
  kind: Type.Enum([...QUESTION_KINDS, 'picture']),
  /** The number of the picture that holds the answer, in the first half of the album. */
  picture: PictureNumber,
  question: Type.String({ minLength: 1 }),
  answer: Type.String({ minLength: 1 }),
});
export type AlbumQuestion = Static<typeof AlbumQuestion>;

/**
 * One line of `album.jsonl`: a conversation in which all pictures are shown one after the other, each with its prompt and answered
 * by its caption, and then the questions are asked.
 */
export const AlbumTruth = Type.Object({
  split: Type.Enum(SPLITS),
  seed: Type.Integer({ minimum: 0 }),
  index: Type.Integer({ minimum: 0 }),
  pictures: Type.Array(AlbumPicture, { minItems: 12 }),
  questions: Type.Array(AlbumQuestion, { minItems: 8 }),
  /** At least so many tokens, with 16 for a picture and one for a word: a bound for any tokenizer that joins no words. */
  leastTokens: Type.Integer({ minimum: 512 }),
});
export type AlbumTruth = Static<typeof AlbumTruth>;
