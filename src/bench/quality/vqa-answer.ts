const ARTICLES = new Set(['a', 'an', 'the']);
const NUMBERS: ReadonlyMap<string, string> = new Map([
  ['none', '0'],
  ...['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'].map((word, value): [string, string] => [
    word,
    String(value),
  ]),
]);
/** VQA's list; the full stop is treated apart, the apostrophe stays. */
const PUNCTUATION = Array.from(';/[]"{}()=+\\_-><@`,?!');

/**
 * An answer as the VQA evaluation compares it: lower case; punctuation gone (a mark between two letters becomes a space); a full
 * stop gone unless a digit follows; articles gone; number words as digits, "none" as 0; single spaces.
 * Definition: `vqaEval.py` of VQA (Antol et al. 2015), without its table that puts missing apostrophes back ("dont").
 */
export function normaliseVqaAnswer(answer: string): string {
  const text = answer.trim().replace(/\s+/gu, ' ');
  const digitComma = /\d,\d/.test(text);
  let plain = text;
  for (const mark of PUNCTUATION) {
    const beside = text.includes(`${mark} `) || text.includes(` ${mark}`);
    plain = plain.replaceAll(mark, beside || digitComma ? '' : ' ');
  }
  return plain
    .replace(/\.(?!\d)/g, '')
    .toLowerCase()
    .split(/\s+/u)
    .map((word) => NUMBERS.get(word) ?? word)
    .filter((word) => word !== '' && !ARTICLES.has(word))
    .join(' ');
}

/** Whether an answer is the true one, after normalisation. */
export function isRightAnswer(answer: string, truth: string): boolean {
  return normaliseVqaAnswer(answer) === normaliseVqaAnswer(truth);
}
