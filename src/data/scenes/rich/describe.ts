import type { SceneObject } from '../truth.js';
import { list, withArticle } from '../captions.js';

/** What can be said of an object; an absent attribute is not said. */
export type Attributes = Partial<Pick<SceneObject, 'shape' | 'digit' | 'colour' | 'size' | 'position'>>;

/** "red circle", "object at the top left", "small digit 7": the attributes in the order of speech. */
export function nounPhrase({ size, colour, shape, digit, position }: Attributes): string {
  const noun = digit === undefined ? (shape ?? 'object') : `digit ${digit}`;
  const place = position === undefined ? undefined : `at the ${position}`;
  return [size, colour, noun, place].filter((word) => word !== undefined).join(' ');
}

const capitalised = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** "a small red digit 7 at the top left and a large star at the bottom." (the star being of a greyscale picture) */
export function richCaption(objects: readonly Attributes[]): string {
  return `${list(objects.map((object) => withArticle(nounPhrase(object))))}.`;
}

/** Other ways to say the same, in a fixed order. */
export function richCaptionVariants(objects: readonly SceneObject[]): string[] {
  const [is, noun] = objects.length === 1 ? ['is', 'object'] : ['are', 'objects'];
  const all = list(objects.map((object) => withArticle(nounPhrase(object))));
  const unplaced = (object: SceneObject): string => {
    const { position, ...rest } = object;
    return `${position}, ${withArticle(nounPhrase(rest))}`;
  };
  const sized = (object: SceneObject): string => {
    const { position, size, ...rest } = object;
    return `${withArticle(nounPhrase(rest))}, ${size}, at the ${position}`;
  };
  return [
    `There ${is} ${all}.`,
    `The picture shows ${list(objects.map(sized))}.`,
    `${objects.map((object) => capitalised(`at the ${unplaced(object)}`)).join('; ')}.`,
    `${objects.length} ${noun}: ${all}.`,
    `I can see ${all}.`,
  ];
}
