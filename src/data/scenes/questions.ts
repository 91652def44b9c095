import { withArticle } from './captions.js';
import type { Random } from './random.js';
import type { PlainObject, SceneQuestion } from './truth.js';
import { COLOURS, SHAPES } from './vocabulary.js';

/** The shortest phrases that mean this object and no other. */
function references(object: PlainObject, objects: readonly PlainObject[]): string[] {
  const unique = (same: (other: PlainObject) => boolean): boolean => objects.filter(same).length === 1;
  const phrases: string[] = [];
  if (objects.length === 1) phrases.push('the object');
  if (unique((o) => o.shape === object.shape)) phrases.push(`the ${object.shape}`);
  if (unique((o) => o.shape === object.shape && o.colour === object.colour)) phrases.push(`the ${object.colour} ${object.shape}`);
  return phrases;
}

function aboutObject(object: PlainObject, objects: readonly PlainObject[], random: Random): SceneQuestion[] {
  const questions: SceneQuestion[] = [];
  const ask = (kind: SceneQuestion['kind'], phrases: readonly string[], templates: readonly string[], answer: string): void => {
    if (phrases.length === 0) return;
    questions.push({ kind, question: random.pick(templates).replace('{it}', random.pick(phrases)), answer });
  };
  const phrases = references(object, objects);
  const colourless = phrases.filter((phrase) => !phrase.includes(object.colour));
  const colourIsUnique = objects.filter((o) => o.colour === object.colour).length === 1;
  const shapeless = [...(objects.length === 1 ? ['the object'] : []), ...(colourIsUnique ? [`the ${object.colour} object`] : [])];
  ask('colour', colourless, ['What color is {it}?', 'What colour is {it}?'], object.colour);
  ask('shape', shapeless, ['What shape is {it}?'], object.shape);
  ask('position', phrases, ['Where is {it}?'], object.position);
  ask('size', phrases, ['How big is {it}?', 'What size is {it}?'], object.size);
  return questions;
}

/** One question whose answer is yes and one, close to it, whose answer is no: so neither answer is the likelier. */
function aboutExistence(objects: readonly PlainObject[], random: Random): SceneQuestion[] {
  const { shape, colour } = random.pick(objects);
  const otherShape = random.pick(SHAPES.filter((word) => !objects.some((o) => o.shape === word)));
  const otherColour = random.pick(COLOURS.filter((word) => !objects.some((o) => o.colour === word)));
  const form = random.below(3);
  const ask = (ofColour: string, ofShape: string): string =>
    form === 0 ? withArticle(ofShape) : form === 1 ? `anything ${ofColour}` : withArticle(`${ofColour} ${ofShape}`);
  // With both words in the question, one of them may be right and the answer is still no.
  const wrong = form === 2 ? random.below(3) : 2;
  return [
    { kind: 'exists', question: `Is there ${ask(colour, shape)}?`, answer: 'yes' },
    { kind: 'exists', question: `Is there ${ask(wrong === 0 ? colour : otherColour, wrong === 1 ? shape : otherShape)}?`, answer: 'no' },
  ];
}

/** Every question that has one answer: each attribute of each object, how many there are, and a yes and a no. */
export function sceneQuestions(objects: readonly PlainObject[], random: Random): SceneQuestion[] {
  return [
    ...objects.flatMap((object) => aboutObject(object, objects, random)),
    { kind: 'count', question: random.pick(['How many objects are there?', 'How many shapes are there?']), answer: String(objects.length) },
    ...aboutExistence(objects, random),
  ];
}
