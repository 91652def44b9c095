import type { DescribedObject } from './parse-caption.js';

/** How many objects a caption got right. */
export interface ObjectMatches {
  readonly matched: number;
  /** Objects in the caption. */
  readonly claimed: number;
  /** Objects in the picture. */
  readonly present: number;
}

/** The attributes that have to agree besides the shape. */
export type Attribute = 'colour' | 'size' | 'position';

/**
 * Pairs a caption's objects with the picture's, each at most once. Two objects pair when shape and every attribute agree, and
 * this is an equivalence, so pairing whatever fits is the largest matching. An attribute that the truth leaves out must be left out.
 */
export function matchObjects(
  claimed: readonly DescribedObject[],
  present: readonly DescribedObject[],
  attributes: readonly Attribute[] = ['colour', 'size'],
): ObjectMatches {
  const keyOf = (object: DescribedObject): string => JSON.stringify([object.shape, ...attributes.map((name) => object[name])]);
  const left = present.map(keyOf);
  let matched = 0;
  for (const object of claimed) {
    const at = left.indexOf(keyOf(object));
    if (at < 0) continue;
    left.splice(at, 1);
    matched++;
  }
  return { matched, claimed: claimed.length, present: present.length };
}

/** Harmonic mean of precision and recall, 0 to 1; 1 where there was nothing to see and nothing was claimed. */
export function f1({ matched, claimed, present }: ObjectMatches): number {
  return claimed + present === 0 ? 1 : (2 * matched) / (claimed + present);
}
