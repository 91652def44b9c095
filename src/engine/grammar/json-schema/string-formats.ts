const DATE = `[0-9]{4} "-" (("0" [13578] | "10" | "12") "-" ("0" [1-9] | [12] [0-9] | "30" | "31") | ("0" [469] | "11") "-" ("0" [1-9] | [12] [0-9] | "30") | "02-" ("0" [1-9] | "1" [0-9] | "2" [0-8]))`;
const TIME = `("0" [0-9] | "1" [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9] ("." [0-9]{1,6})? ("Z" | [+-] ("0" [0-9] | "1" [0-9] | "2" [0-3]) ":" [0-5] [0-9])`;
const HEX = '[0-9a-fA-F]';

/** Values of `format` as grammars for the inside of a string: RFC 3339 (without 29 February and leap seconds) and RFC 9562. */
export const STRING_FORMATS: ReadonlyMap<string, { readonly gbnf: string; readonly shortest: number; readonly longest: number }> = new Map([
  ['date', { gbnf: DATE, shortest: 10, longest: 10 }],
  ['time', { gbnf: TIME, shortest: 9, longest: 21 }],
  ['date-time', { gbnf: `${DATE} "T" ${TIME}`, shortest: 20, longest: 32 }],
  ['uuid', { gbnf: `${HEX}{8} "-" ${HEX}{4} "-" ${HEX}{4} "-" ${HEX}{4} "-" ${HEX}{12}`, shortest: 36, longest: 36 }],
]);
