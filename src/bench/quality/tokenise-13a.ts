// What Python's `str.split()` and `str.rstrip()` take for white space; JavaScript's \s differs in U+001C–U+001F, U+0085 and U+FEFF.
// eslint-disable-next-line no-control-regex -- see above
const WHITE_SPACE = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/u;
const TRAILING_SPACE = new RegExp(`${WHITE_SPACE.source}$`, 'u');

const ENTITIES = [
  ['&quot;', '"'],
  ['&amp;', '&'],
  ['&lt;', '<'],
  ['&gt;', '>'],
] as const;

/**
 * Splits a sentence as BLEU's reference script mteval-v13a.pl does; case is kept.
 * Source: sacrebleu 2.6, `tokenizers/tokenizer_13a.py` and `tokenizer_re.py`.
 */
export function tokenise13a(sentence: string): string[] {
  let line = sentence.replace(TRAILING_SPACE, '').replaceAll('<skipped>', '').replaceAll('-\n', '').replaceAll('\n', ' ');
  for (const [entity, character] of ENTITIES) line = line.replaceAll(entity, character);
  return ` ${line} `
    .replace(/([{-~[-` -&(-+:-@/])/gu, ' $1 ')
    .replace(/([^0-9])([.,])/gu, '$1 $2 ')
    .replace(/([.,])([^0-9])/gu, ' $1 $2')
    .replace(/([0-9])(-)/gu, '$1 $2 ')
    .split(WHITE_SPACE)
    .filter((word) => word !== '');
}
