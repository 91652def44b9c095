import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { f1, matchObjects } from './object-f1.js';
import { parseCaption, type DescribedObject } from './parse-caption.js';

const VOCABULARY = {
  shapes: ['circle', 'star', 'cross', 'digit', 'digit 3'],
  colours: ['red', 'blue'],
  sizes: ['small', 'large'],
  positions: ['top left', 'top', 'left', 'center', 'bottom right', 'bottom', 'right'],
};
const parse = (caption: string): DescribedObject[] => parseCaption(caption, VOCABULARY);
const CIRCLE: DescribedObject = { shape: 'circle', colour: 'red', size: 'small', position: 'top left' };
const STAR: DescribedObject = { shape: 'star', colour: 'blue', size: 'large', position: 'bottom' };

describe('reading objects out of a caption', () => {
  it.each([
    'a small red circle at the top left and a large blue star at the bottom.',
    'There are a small red circle at the top left and a large blue star at the bottom.',
    'The picture shows a red circle, small, at the top left and a blue star, large, at the bottom.',
    'At the top left a small red circle and bottom a large blue star.',
    'At the top left, a small red circle; At the bottom, a large blue star.',
    '3 objects: a small red circle at the top left and a large blue star at the bottom.',
    'On the TOP-LEFT, a small red circle; on the bottom, a large blue star!',
    'small red circle top left and large blue star bottom',
    'I can see a tiny, round and red circle in the upper left corner, and below it a big blue star at the bottom of the picture.',
  ])('%s', (caption) => {
    expect(parse(caption)).toEqual([CIRCLE, STAR]);
  });

  it('what is not said is null, and a text without shapes has no objects', () => {
    expect(parse('a circle and a large cross')).toEqual([
      { shape: 'circle', colour: null, size: null, position: null },
      { shape: 'cross', colour: null, size: 'large', position: null },
    ]);
    expect(parse('There are stars')).toEqual([{ shape: 'star', colour: null, size: null, position: null }]);
    expect(parse('a small red digit 3 in the middle')).toEqual([{ shape: 'digit 3', colour: 'red', size: 'small', position: 'center' }]);
    expect(parse('a small red digit')).toEqual([{ shape: 'digit', colour: 'red', size: 'small', position: null }]);
    for (const text of ['', 'a small red thing', '🙂 日本語']) expect(parse(text)).toEqual([]);
  });

  it('reads back whatever the grammar says', () => {
    const object = fc.record({
      shape: fc.constantFrom(...VOCABULARY.shapes),
      colour: fc.constantFrom(...VOCABULARY.colours),
      size: fc.constantFrom(...VOCABULARY.sizes),
      position: fc.constantFrom(...VOCABULARY.positions),
    });
    fc.assert(
      fc.property(fc.array(object, { minLength: 1, maxLength: 9 }), (objects) => {
        const list = (form: (o: DescribedObject) => string): string => {
          const parts = objects.map(form);
          return parts.length < 2 ? parts.join('') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1) ?? ''}`;
        };
        expect(parse(list((o) => `a ${o.size ?? ''} ${o.colour ?? ''} ${o.shape} at the ${o.position ?? ''}`))).toEqual(objects);
        expect(parse(list((o) => `a ${o.colour ?? ''} ${o.shape}, ${o.size ?? ''}, at the ${o.position ?? ''}`))).toEqual(objects);
        expect(parse(`At the ${list((o) => `${o.position ?? ''} a ${o.size ?? ''} ${o.colour ?? ''} ${o.shape}`)}`)).toEqual(objects);
      }),
    );
  });
});

describe('matching objects', () => {
  it('takes the order of objects and, unless asked, their positions as free', () => {
    const moved = { ...STAR, position: 'top' };
    expect(matchObjects([moved, CIRCLE], [CIRCLE, STAR])).toEqual({ matched: 2, claimed: 2, present: 2 });
    expect(matchObjects([moved, CIRCLE], [CIRCLE, STAR], ['colour', 'size', 'position']).matched).toBe(1);
  });

  it('counts each object once', () => {
    expect(matchObjects([CIRCLE, CIRCLE, CIRCLE], [CIRCLE, CIRCLE])).toEqual({ matched: 2, claimed: 3, present: 2 });
  });

  it.each<[string, Partial<DescribedObject>]>([
    ['shape', { shape: 'star' }],
    ['colour', { colour: 'blue' }],
    ['size', { size: 'large' }],
    ['a colour where the truth has none', { colour: null }],
  ])('a wrong %s is a wrong object', (_, wrong) => {
    expect(matchObjects([CIRCLE], [{ ...CIRCLE, ...wrong }]).matched).toBe(0);
  });

  it('F1 is the harmonic mean of precision and recall', () => {
    const [precision, recall] = [2 / 3, 2 / 5];
    expect(f1({ matched: 2, claimed: 3, present: 5 })).toBeCloseTo((2 * precision * recall) / (precision + recall), 12);
    expect([f1({ matched: 0, claimed: 0, present: 0 }), f1({ matched: 0, claimed: 0, present: 1 })]).toEqual([1, 0]);
  });
});
