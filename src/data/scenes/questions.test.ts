import { describe, expect, it } from 'vitest';
import { canonicalCaption, captionVariants } from './captions.js';
import { generateScene } from './generate-scene.js';
import type { SceneObject } from './truth.js';

/** Answers a question from the objects alone, by reading it as a person would. */
function solve(question: string, objects: readonly SceneObject[]): string {
  const text = question.toLowerCase();
  const meant = objects.filter(
    (o) =>
      (!/\b(circle|square|triangle|star|heart|diamond|cross|ring|moon|arrow)\b/.test(text) || text.includes(o.shape)) &&
      (!/\b(red|green|blue|yellow|orange|purple|pink|cyan|white|black)\b/.test(text) || text.includes(o.colour ?? 'without')),
  );
  if (text.startsWith('is there')) return meant.length > 0 ? 'yes' : 'no';
  if (text.startsWith('how many')) return String(objects.length);
  const [only] = meant;
  if (only === undefined || meant.length > 1) return `ambiguous: ${question}`;
  if (text.startsWith('where')) return only.position;
  if (text.startsWith('what shape')) return only.shape;
  if (/^what colou?r/.test(text)) return only.colour ?? 'none';
  return only.size;
}

const scenes = Array.from({ length: 400 }, (_, index) => generateScene({ split: 'train', seed: 9, index, maxObjects: 4, side: 32 }).truth);

describe('sceneQuestions', () => {
  it('asks nothing ambiguous and answers what the objects say', () => {
    for (const { objects, questions } of scenes) {
      for (const { question, answer } of questions) expect(solve(question, objects)).toBe(answer);
    }
  });

  it('asks about every attribute of a lone object', () => {
    for (const { objects, questions } of scenes) {
      if (objects.length > 1) continue;
      expect(questions.map(({ kind }) => kind)).toEqual(['colour', 'shape', 'position', 'size', 'count', 'exists', 'exists']);
    }
  });

  it('answers yes as often as no', () => {
    const answers = scenes.flatMap(({ questions }) => questions.filter(({ kind }) => kind === 'exists').map(({ answer }) => answer));
    expect(answers.filter((answer) => answer === 'yes')).toHaveLength(answers.length / 2);
  });
});

describe('captions', () => {
  const circle = { shape: 'circle', colour: 'red', size: 'small', position: 'top left' } as const;
  const star = { shape: 'star', colour: 'blue', size: 'large', position: 'bottom' } as const;

  it('has one canonical form', () => {
    expect(canonicalCaption([circle])).toBe('a small red circle at the top left.');
    expect(canonicalCaption([circle, star])).toBe('a small red circle at the top left and a large blue star at the bottom.');
    expect(canonicalCaption([circle, star, circle])).toBe(
      'a small red circle at the top left, a large blue star at the bottom and a small red circle at the top left.',
    );
  });

  it('has variants that name every attribute', () => {
    for (const variant of captionVariants([circle, star])) {
      for (const word of [...Object.values(circle), ...Object.values(star)]) expect(variant).toContain(word);
    }
  });
});
