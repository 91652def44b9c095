import type { PlainObject } from './truth.js';

/** "a circle", "an arrow". */
export const withArticle = (noun: string): string => `${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`;

/** "x", "x and y", "x, y and z". */
export function list(parts: readonly string[]): string {
  const last = parts.at(-1) ?? '';
  return parts.length < 2 ? last : `${parts.slice(0, -1).join(', ')} and ${last}`;
}

/** "a small red circle at the top left and a large blue star at the bottom." */
export function canonicalCaption(objects: readonly PlainObject[]): string {
  return `${list(objects.map((o) => `a ${o.size} ${o.colour} ${o.shape} at the ${o.position}`))}.`;
}

/** Other ways to say the same, in a fixed order. */
export function captionVariants(objects: readonly PlainObject[]): string[] {
  const verb = objects.length === 1 ? 'is' : 'are';
  return [
    `There ${verb} ${list(objects.map((o) => `a ${o.size} ${o.colour} ${o.shape} at the ${o.position}`))}.`,
    `The picture shows ${list(objects.map((o) => `a ${o.colour} ${o.shape}, ${o.size}, at the ${o.position}`))}.`,
    `At the ${list(objects.map((o) => `${o.position} a ${o.size} ${o.colour} ${o.shape}`))}.`,
  ];
}
