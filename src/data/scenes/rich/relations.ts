import type { Random } from '../random.js';
import type { SceneObject, SceneQuestion } from '../truth.js';
import { POSITIONS } from '../vocabulary.js';
import { nounPhrase } from './describe.js';
import { references, type Phrasing } from './references.js';

/** A direction of the 3 × 3 grid: along which of its two axes, towards which end. */
const DIRECTIONS = [
  { word: 'left', of: 'left of', beside: 'to the left of', axis: 'column', sign: -1 },
  { word: 'right', of: 'right of', beside: 'to the right of', axis: 'column', sign: 1 },
  { word: 'above', of: 'above', beside: 'above', axis: 'row', sign: -1 },
  { word: 'below', of: 'below', beside: 'below', axis: 'row', sign: 1 },
] as const;
type Direction = (typeof DIRECTIONS)[number];

/** How many thirds of the picture `object` is further in a direction than `other`; between neighbours 0 would be a guess. */
function further(object: SceneObject, other: SceneObject, { axis, sign }: Direction): number {
  const at = ({ position }: SceneObject): number => {
    const cell = POSITIONS.indexOf(position);
    return axis === 'column' ? cell % 3 : Math.floor(cell / 3);
  };
  return sign * (at(object) - at(other));
}

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);

/**
 * Questions on two objects that stand in different thirds of the picture: a pair answered yes and no, the direction from one to
 * the other where there is only one, and what is in a direction where one object is and no other is even level.
 */
export function relationQuestions(objects: readonly SceneObject[], { is, where }: Phrasing, random: Random): SceneQuestion[] {
  const [first, second] = random.sample(objects, 2);
  if (first === undefined || second === undefined) return [];
  const kind = 'relation';
  const Is = capital(is);
  // Where an object is must not be told by its position: the answer could be read off the question.
  const phrase = (object: SceneObject): string | null => {
    const phrases = references(object, objects, ['position']);
    return phrases.length === 0 ? null : random.pick(phrases);
  };
  const [a, b] = [phrase(first), phrase(second)];
  const holding = DIRECTIONS.filter((direction) => further(first, second, direction) > 0);
  const questions: SceneQuestion[] = [];
  if (a !== null && b !== null) {
    const holds = random.pick(holding);
    const against = DIRECTIONS.find(({ axis, sign }) => axis === holds.axis && sign === -holds.sign) ?? holds;
    questions.push({ kind, question: `${Is} ${a} ${holds.of} ${b}${where}?`, answer: 'yes' });
    // Either the objects or the direction is turned round.
    const no = random.below(2) === 0 ? `${a} ${against.of} ${b}` : `${b} ${holds.of} ${a}`;
    questions.push({ kind, question: `${Is} ${no}${where}?`, answer: 'no' });
    if (holding.length === 1) {
      questions.push({ kind, question: `${Is} ${a} left of, right of, above or below ${b}${where}?`, answer: holds.word });
    }
  }
  for (const object of [first, second]) {
    const it = phrase(object);
    const rest = objects.filter((other) => other !== object);
    const direction = random.pick(DIRECTIONS);
    const there = rest.filter((other) => further(other, object, direction) > 0);
    const [only] = there;
    if (it === null || only === undefined || there.length > 1 || rest.some((other) => further(other, object, direction) === 0)) continue;
    const { shape, digit, colour } = only;
    const answer = nounPhrase({ shape, ...(digit !== undefined && { digit }), ...(colour !== undefined && { colour }) });
    questions.push({ kind, question: `What ${is} ${direction.beside} ${it}${where}?`, answer });
  }
  return questions;
}
