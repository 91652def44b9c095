import { describe, expect, it } from 'vitest';
import { generateScene } from '../generate-scene.js';
import { Random } from '../random.js';
import type { SceneObject } from '../truth.js';
import { richCaption, richCaptionVariants } from './describe.js';
import { richQuestions } from './questions.js';

const COLOUR_WORDS = /\b(red|green|blue|yellow|orange|purple|pink|cyan|white|black|colou?r)\b/;
const COLOUR = /\b(red|green|blue|yellow|orange|purple|pink|cyan|white|black)\b/;
const SHAPE = /\b(circle|square|triangle|star|heart|diamond|cross|ring|moon|arrow|digit)(?:s|es)?\b/;

/** Reads a description such as "small red digit 7 at the top left" word by word and gives the objects it fits. */
function meant(phrase: string, objects: readonly SceneObject[]): SceneObject[] {
  const [what = '', where] = phrase.split(' at the ');
  const size = /\b(small|medium|large)\b/.exec(what)?.[1];
  const colour = COLOUR.exec(what)?.[1];
  const shape = SHAPE.exec(what)?.[1];
  const digit = /\bdigit (\d)/.exec(what)?.[1];
  return objects.filter(
    (o) =>
      (size === undefined || o.size === size) &&
      (colour === undefined || o.colour === colour) &&
      (shape === undefined || o.shape === shape) &&
      (digit === undefined || o.digit === Number(digit)) &&
      (where === undefined || o.position === where),
  );
}

const middle = ({ box }: SceneObject): { x: number; y: number } => ({ x: (box[0] + box[2]) / 2, y: (box[1] + box[3]) / 2 });

/** Whether a person sees `a` in that direction of `b`: from where they are drawn, not from the grid. Null is hard to tell. */
function seen(a: SceneObject, direction: string, b: SceneObject, side: number): boolean | null {
  const [p, q] = [middle(a), middle(b)];
  const by = direction.includes('left')
    ? q.x - p.x
    : direction.includes('right')
      ? p.x - q.x
      : direction.includes('above')
        ? q.y - p.y
        : p.y - q.y;
  return Math.abs(by) < 0.15 * side ? null : by > 0;
}

const name = ({ shape, digit, colour }: SceneObject): string => [colour, shape, digit].filter((word) => word !== undefined).join(' ');

/** Answers from the objects alone; throws where the question could be answered in two ways. */
function solve(question: string, objects: readonly SceneObject[], side: number): string {
  const only = (phrase: string): SceneObject => {
    const [object, ...others] = meant(phrase, objects);
    if (object === undefined || others.length > 0) throw new Error(`"${phrase}" is not one object: ${question}`);
    return object;
  };
  const told = (answer: boolean | null): boolean => {
    if (answer === null) throw new Error(`hard to see: ${question}`);
    return answer;
  };
  const text = question.replace(/\?$/, '');
  let match: RegExpExecArray | null;
  if ((match = /^How many (.+) are there$/.exec(text))) return String(meant(match[1] ?? '', objects).length);
  if ((match = /^Is there an? (.+)$/.exec(text))) return meant(match[1] ?? '', objects).length > 0 ? 'yes' : 'no';
  if ((match = /^Is the (.+) left of, right of, above or below the (.+)$/.exec(text))) {
    const [a, b] = [only(match[1] ?? ''), only(match[2] ?? '')];
    const all = ['left', 'right', 'above', 'below'].filter((direction) => seen(a, direction, b, side) === true);
    if (all.length !== 1) throw new Error(`two directions: ${question}`);
    return all[0] ?? '';
  }
  if ((match = /^Is the (.+) (left of|right of|above|below) the (.+)$/.exec(text))) {
    return told(seen(only(match[1] ?? ''), match[2] ?? '', only(match[3] ?? ''), side)) ? 'yes' : 'no';
  }
  if ((match = /^What is (to the left of|to the right of|above|below) the (.+)$/.exec(text))) {
    const [direction, it] = [match[1] ?? '', only(match[2] ?? '')];
    const there = objects.filter((o) => o !== it && told(seen(o, direction, it, side)));
    if (there.length !== 1 || there[0] === undefined) throw new Error(`not one: ${question}`);
    return name(there[0]);
  }
  if ((match = /^(.+) is the (.+)$/.exec(text))) {
    const it = only(match[2] ?? '');
    if (match[1] === 'Where') return it.position;
    if (match[1] === 'What shape') return it.shape;
    if (/^Wh(at|ich) digit$/.test(match[1] ?? '')) return String(it.digit);
    if (/^What colou?r$/.test(match[1] ?? '')) return it.colour ?? 'none';
    if (match[1] === 'How big' || match[1] === 'What size') return it.size;
  }
  throw new Error(`not understood: ${question}`);
}

const truths = [
  ...Array.from({ length: 600 }, (_, index) => generateScene({ split: 'train', seed: 9, index, style: 'rich', side: 64 }).truth),
  ...Array.from(
    { length: 100 },
    (_, index) => generateScene({ split: 'test', seed: 1, index, style: 'rich', side: 64, maxObjects: 9 }).truth,
  ),
];

describe('richQuestions', () => {
  it('asks nothing ambiguous and answers what the objects say', () => {
    for (const { objects, questions } of truths) {
      for (const { question, answer } of questions) expect(`${question} ${solve(question, objects, 64)}`).toBe(`${question} ${answer}`);
    }
  });

  it('asks every kind often', () => {
    const kinds = truths.flatMap(({ questions }) => questions.map(({ kind }) => kind));
    for (const kind of ['colour', 'shape', 'position', 'size', 'count', 'exists', 'relation', 'digit'] as const) {
      expect(kinds.filter((other) => other === kind).length, kind).toBeGreaterThan(250);
    }
  });

  it('does not ask the same twice, nor for what the question tells', () => {
    for (const { questions } of truths) {
      expect(new Set(questions.map(({ question }) => question)).size).toBe(questions.length);
      for (const { kind, question, answer } of questions) {
        if (['colour', 'shape', 'position', 'size', 'digit'].includes(kind)) expect(question).not.toMatch(new RegExp(`\\b${answer}\\b`));
      }
    }
  });

  it('answers yes as often as no, and tells a no by one attribute that is elsewhere in the picture', () => {
    let hard = 0;
    let easy = 0;
    for (const { objects, questions } of truths) {
      const exists = questions.filter(({ kind }) => kind === 'exists');
      const relations = questions.filter(({ kind, answer }) => kind === 'relation' && (answer === 'yes' || answer === 'no'));
      for (const list of [exists, relations]) expect(list.filter(({ answer }) => answer === 'yes')).toHaveLength(list.length / 2);
      for (const { question, answer } of exists) {
        if (answer === 'yes' || objects.length === 1) continue;
        const words = question.replace('?', '').split(' ');
        const shown = new Set(objects.flatMap((o) => [o.shape, o.colour, o.size, String(o.digit), ...o.position.split(' ')]));
        const absent = words.filter(
          (word) => /^\d$/.test(word) || COLOUR.test(word) || SHAPE.test(word) || /small|medium|large/.test(word),
        );
        if (absent.length > 1 && absent.every((word) => shown.has(word))) hard++;
        else easy++;
      }
    }
    // The rest name one attribute only, or a thing that no object has.
    expect(hard / (hard + easy)).toBeGreaterThan(0.25);
  });

  it('leaves colour out of greyscale scenes', () => {
    const grey = truths.filter(({ greyscale }) => greyscale === true);
    expect(grey.length).toBeGreaterThan(50);
    for (const { caption, variants, questions } of grey) {
      for (const text of [caption, ...variants, ...questions.flatMap(({ question, answer }) => [question, answer])]) {
        expect(text).not.toMatch(COLOUR_WORDS);
      }
    }
  });

  it('can ask in the past tense about one of several pictures', () => {
    const { objects } = truths[0] ?? { objects: [] };
    const now = richQuestions(objects, Random.of('tense'));
    const then = richQuestions(objects, Random.of('tense'), { is: 'was', are: 'were', where: ' in picture 3' });
    const past = (question: string): string =>
      question
        .replace(/\bis\b/, 'was')
        .replace(/^Is\b/, 'Was')
        .replace(/\bare\b/, 'were')
        .replace('?', ' in picture 3?');
    expect(then).toEqual(now.map(({ question, ...rest }) => ({ ...rest, question: past(question) })));
  });
});

describe('rich captions', () => {
  const seven: SceneObject = { shape: 'digit', digit: 7, colour: 'red', size: 'small', position: 'top left', box: [0, 0, 9, 9] };
  const star: SceneObject = { shape: 'star', colour: 'orange', size: 'large', position: 'bottom', box: [0, 0, 9, 9] };
  const grey: SceneObject = { shape: 'arrow', size: 'medium', position: 'center', box: [0, 0, 9, 9] };

  it('have one canonical form', () => {
    expect(richCaption([seven])).toBe('a small red digit 7 at the top left.');
    expect(richCaption([seven, star])).toBe('a small red digit 7 at the top left and a large orange star at the bottom.');
    expect(richCaption([grey])).toBe('a medium arrow at the center.');
  });

  it('have variants that say the same', () => {
    expect(richCaptionVariants([star])).toEqual([
      'There is a large orange star at the bottom.',
      'The picture shows an orange star, large, at the bottom.',
      'At the bottom, a large orange star.',
      '1 object: a large orange star at the bottom.',
      'I can see a large orange star at the bottom.',
    ]);
    for (const { objects, variants } of truths) {
      for (const variant of variants) {
        for (const { shape, digit, colour, size, position } of objects) {
          for (const word of [shape, digit, colour, size, position]) expect(variant.toLowerCase()).toContain(String(word ?? ''));
        }
      }
    }
  });
});
