import { withArticle } from '../captions.js';
import type { Random } from '../random.js';
import type { SceneObject, SceneQuestion } from '../truth.js';
import { COLOURS, OBJECT_SHAPES, POSITIONS, SIZES } from '../vocabulary.js';
import { nounPhrase, type Attributes } from './describe.js';
import { fits, PRESENT, references, TELLING, told, type Attribute, type Phrasing } from './references.js';
import { relationQuestions } from './relations.js';

function aboutObject(object: SceneObject, objects: readonly SceneObject[], phrasing: Phrasing, random: Random): SceneQuestion[] {
  const { is, where } = phrasing;
  const ask = (kind: SceneQuestion['kind'], openings: readonly string[], hidden: readonly Attribute[], answer: string): SceneQuestion[] => {
    const phrases = references(object, objects, hidden);
    return phrases.length === 0 ? [] : [{ kind, question: `${random.pick(openings)} ${is} ${random.pick(phrases)}${where}?`, answer }];
  };
  return [
    ...(object.colour === undefined ? [] : ask('colour', ['What color', 'What colour'], ['colour'], object.colour)),
    ...(object.digit === undefined
      ? ask('shape', ['What shape'], ['shape'], object.shape)
      : ask('digit', ['What digit', 'Which digit'], ['shape', 'digit'], String(object.digit))),
    ...ask('position', ['Where'], ['position'], object.position),
    ...ask('size', ['How big', 'What size'], ['size'], object.size),
  ];
}

const plural = (noun: string): string => (noun === 'cross' ? 'crosses' : `${noun}s`);

/** How many there are: of all, of a shape and of a colour, the last two sometimes of one that is not there. */
function aboutCounts(objects: readonly SceneObject[], { are, where }: Phrasing, random: Random): SceneQuestion[] {
  const ask = (noun: string, wanted: Attributes): SceneQuestion => ({
    kind: 'count',
    question: `How many ${noun} ${are} there${where}?`,
    answer: String(objects.filter((object) => fits(object, wanted)).length),
  });
  const some = random.pick(objects);
  const shape = random.below(4) === 0 ? random.pick(OBJECT_SHAPES) : some.shape;
  const colour = some.colour === undefined ? undefined : random.below(4) === 0 ? random.pick(COLOURS) : some.colour;
  // Whether a digit is a shape is a matter of taste.
  const all = objects.some(({ digit }) => digit !== undefined) ? 'objects' : random.pick(['objects', 'shapes']);
  return [ask(all, {}), ask(plural(shape), { shape }), ...(colour === undefined ? [] : [ask(`${colour} objects`, { colour })])];
}

const OTHERS: Readonly<Record<Attribute, readonly (string | number)[]>> = {
  shape: OBJECT_SHAPES,
  digit: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  colour: COLOURS,
  size: SIZES,
  position: POSITIONS,
};

/**
 * Pairs of a question whose answer is yes and one that differs from it in a single attribute, whose answer is no. Where it can,
 * the second names only what is in the picture: a red star where there are a red circle and a blue star.
 */
function aboutExistence(objects: readonly SceneObject[], { is, where }: Phrasing, random: Random): SceneQuestion[] {
  const questions: SceneQuestion[] = [];
  const ask = (wanted: Attributes, answer: string): SceneQuestion => ({
    kind: 'exists',
    question: `${is === 'is' ? 'Is' : 'Was'} there ${withArticle(nounPhrase(wanted))}${where}?`,
    answer,
  });
  for (let pair = 0; pair < 2; pair++) {
    const object = random.pick(objects);
    const wanted = random.pick(TELLING.slice(1).flatMap((names) => told(object, names) ?? []));
    const near = Object.keys(wanted).flatMap((name) =>
      OTHERS[name as Attribute].map((value): Attributes => ({ ...wanted, [name]: value })),
    );
    const absent = near.filter((other) => !objects.some((present) => fits(present, other)));
    const hard = absent.filter((other) =>
      Object.entries(other).every(([name, value]) => objects.some((present) => present[name as Attribute] === value)),
    );
    const list = hard.length > 0 && random.below(4) > 0 ? hard : absent;
    if (list.length > 0) questions.push(ask(wanted, 'yes'), ask(random.pick(list), 'no'));
  }
  const different = new Set(questions.map(({ question }) => question)).size === questions.length;
  return different ? questions : questions.slice(0, 2);
}

/** Questions that have one answer, no two alike; as many existence questions are answered yes as no. */
export function richQuestions(objects: readonly SceneObject[], random: Random, phrasing = PRESENT): SceneQuestion[] {
  return [
    ...objects.flatMap((object) => aboutObject(object, objects, phrasing, random)),
    ...aboutCounts(objects, phrasing, random),
    ...aboutExistence(objects, phrasing, random),
    ...relationQuestions(objects, phrasing, random),
  ];
}
