import type { SceneObject } from '../truth.js';
import { nounPhrase, type Attributes } from './describe.js';

/** The tense of a question and what it ends with, such as " in picture 3". */
export interface Phrasing {
  readonly is: 'is' | 'was';
  readonly are: 'are' | 'were';
  readonly where: string;
}
export const PRESENT: Phrasing = { is: 'is', are: 'are', where: '' };

export type Attribute = keyof Attributes;

/** What an object may be told by, from the shortest. */
export const TELLING: readonly (readonly Attribute[])[] = [
  [],
  ['shape'],
  ['digit'],
  ['colour'],
  ['size'],
  ['position'],
  ['colour', 'shape'],
  ['colour', 'digit'],
  ['size', 'shape'],
  ['size', 'digit'],
  ['size', 'colour', 'shape'],
];

/** The named attributes of an object, or null if it lacks one. */
export function told(object: SceneObject, names: readonly Attribute[]): Attributes | null {
  if (names.some((name) => object[name] === undefined)) return null;
  const attributes: Attributes = {};
  for (const name of names) Object.assign(attributes, { [name]: object[name] });
  return attributes;
}

export const fits = (object: SceneObject, wanted: Attributes): boolean =>
  Object.entries(wanted).every(([name, value]) => object[name as Attribute] === value);

/** Every phrase that means this object and no other, and does not tell the attributes in `hidden`. */
export function references(object: SceneObject, objects: readonly SceneObject[], hidden: readonly Attribute[] = []): string[] {
  return TELLING.filter((names) => !names.some((name) => hidden.includes(name)))
    .map((names) => told(object, names))
    .filter((wanted) => wanted !== null)
    .filter((wanted) => objects.filter((other) => fits(other, wanted)).length === 1)
    .map((wanted) => `the ${nounPhrase(wanted)}`);
}
