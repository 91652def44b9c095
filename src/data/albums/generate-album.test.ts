import { Value } from 'typebox/value';
import { describe, expect, it } from 'vitest';
import { generateScene } from '../scenes/generate-scene.js';
import { SPLITS } from '../scenes/vocabulary.js';
import { AlbumTruth } from './album-truth.js';
import { generateAlbum, type Album, type AlbumOptions } from './generate-album.js';

const draw = (options: Partial<AlbumOptions> = {}): Album => generateAlbum({ split: 'test', seed: 4, index: 0, side: 32, ...options });
const albums = Array.from({ length: 60 }, (_, index) => draw({ index }));

describe('generateAlbum', () => {
  it('is a conversation of at least 512 tokens over at least 12 pictures', () => {
    const short = Array.from({ length: 60 }, (_, index) => draw({ index, pictures: 12, style: 'plain' }));
    for (const { truth, rasters } of [...albums, ...short, draw({ pictures: 30 })]) {
      expect(Value.Parse(AlbumTruth, truth)).toEqual(truth);
      expect(rasters).toHaveLength(truth.pictures.length);
      const texts = [
        ...truth.pictures.flatMap(({ prompt, caption }) => [prompt, caption]),
        ...truth.questions.flatMap(({ question, answer }) => [question, answer]),
      ];
      // A tokenizer that joins no words makes at least one token of each; a picture is worth 16 or more.
      const tokens = 16 * truth.pictures.length + texts.join(' ').split(' ').length;
      expect(truth.leastTokens).toBe(tokens);
      expect(tokens).toBeGreaterThanOrEqual(512);
    }
  });

  it('asks about the first half, by number and in the past tense, never the same twice', () => {
    for (const { truth } of albums) {
      expect(new Set(truth.questions.map(({ question }) => question)).size).toBe(truth.questions.length);
      for (const { kind, picture, question, answer } of truth.questions) {
        expect(picture).toBeLessThanOrEqual(truth.pictures.length / 2);
        if (kind === 'picture') expect(answer).toBe(String(picture));
        else expect(question).toMatch(new RegExp(`\\b([Ww]as|were)\\b.* in picture ${picture}\\?$`));
      }
    }
    const kinds = albums.flatMap(({ truth }) => truth.questions.map(({ kind }) => kind));
    for (const kind of ['colour', 'shape', 'position', 'size', 'count', 'exists', 'relation', 'digit', 'picture'] as const) {
      expect(kinds.filter((other) => other === kind).length, kind).toBeGreaterThan(10);
    }
  });

  it('says what the caption of that picture says', () => {
    for (const { truth } of albums) {
      for (const { kind, picture, question, answer } of truth.questions) {
        const { caption = '', objects = [] } = truth.pictures[picture - 1] ?? {};
        if (kind === 'colour' || kind === 'shape' || kind === 'size' || kind === 'position' || kind === 'digit') {
          expect(caption).toMatch(new RegExp(`\\b${answer}\\b`));
        }
        if (/^How many (objects|shapes) were/.test(question)) expect(answer).toBe(String(objects.length));
      }
    }
  });

  it('asks in which picture something was only where the captions of the others lack it', () => {
    let asked = 0;
    for (const { truth } of albums) {
      for (const { kind, question, answer } of truth.questions) {
        if (kind !== 'picture') continue;
        asked++;
        const [what = '', where] = question.replace(/^In which picture was there an? |\?$/g, '').split(' at the ');
        const told = truth.pictures.filter(({ caption }) =>
          caption
            .slice(0, -1)
            .split(/, | and /)
            .map((object) => object.split(' at the '))
            .some(
              ([said = '', place]) =>
                (where === undefined || place === where) &&
                what.split(' ').every((word) => word === 'object' || said.split(' ').includes(word)),
            ),
        );
        expect(told.map(({ number }) => String(number))).toEqual([answer]);
      }
    }
    expect(asked).toBeGreaterThan(20);
  });

  it('answers yes about as often as no', () => {
    const many = Array.from({ length: 300 }, (_, index) => draw({ index, pictures: 12 }).truth.questions).flat();
    const exists = many.filter(({ kind }) => kind === 'exists');
    expect(exists.length).toBeGreaterThan(200);
    expect(exists.filter(({ answer }) => answer === 'yes').length / exists.length).toBeCloseTo(0.5, 0.7);
  });

  it('shows no picture twice: not in another place, album, seed or split, nor as a scene', () => {
    const pictures = [
      ...SPLITS.flatMap((split) => [4, 5].flatMap((seed) => [0, 1].flatMap((index) => draw({ split, seed, index }).rasters))),
      ...SPLITS.flatMap((split) =>
        Array.from({ length: 20 }, (_, index) => generateScene({ split, seed: 4, index, style: 'rich', side: 32 })),
      ),
    ];
    expect(new Set(pictures.map(({ pixels }) => Buffer.from(pixels).toString('base64'))).size).toBe(pictures.length);
    expect(draw()).toEqual(albums[0]);
  });

  it.each([{ pictures: 11 }, { pictures: 65 }, { pictures: 12.5 }, { seed: -1 }, { side: 8 }, { maxObjects: 10 }])(
    'refuses %o',
    (wrong) => {
      expect(() => draw(wrong)).toThrow(expect.objectContaining({ code: 'USAGE' }));
    },
  );
});
