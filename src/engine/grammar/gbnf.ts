/** Code points from the first to the last, both included. */
export type CharacterRange = readonly [first: number, last: number];

/** What a GBNF rule is made of. */
export type Expression =
  | { readonly type: 'characters'; readonly ranges: readonly CharacterRange[]; readonly negated: boolean }
  /** One whole token, or any but it, by its id as `[42]` or its spelling as `<think>`. */
  | { readonly type: 'token'; readonly name: string; readonly negated: boolean }
  | { readonly type: 'rule'; readonly name: string }
  | { readonly type: 'sequence'; readonly items: readonly Expression[] }
  | { readonly type: 'choice'; readonly options: readonly Expression[] }
  | { readonly type: 'repeat'; readonly item: Expression; readonly min: number; readonly max: number };

/** Rules by name. */
export type GbnfRules = ReadonlyMap<string, Expression>;

/** The rule that a whole answer must match. */
export const ROOT = 'root';
