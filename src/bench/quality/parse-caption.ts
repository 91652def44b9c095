import { captionWords } from './caption-words.js';

/** What a caption says, or what is true, of one object; null where nothing is said. */
export interface DescribedObject {
  readonly shape: string;
  readonly colour: string | null;
  readonly size: string | null;
  readonly position: string | null;
}

/** The words captions are made of, lower case. Shapes and positions may be of several: "digit 3", "top left". */
export interface CaptionVocabulary {
  readonly shapes: readonly string[];
  readonly colours: readonly string[];
  readonly sizes: readonly string[];
  readonly positions: readonly string[];
}

/** Other spellings that models use. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ['centre', 'center'],
  ['middle', 'center'],
  ['upper', 'top'],
  ['lower', 'bottom'],
  ['big', 'large'],
  ['tiny', 'small'],
  ['gray', 'grey'],
]);
const ARTICLES = new Set(['a', 'an']);

/**
 * Reads the objects out of a caption: every shape is one, with the size and colour beside it and its position.
 * It understands the wordings of the scenes ("a small red circle at the top left and …", "a red circle, small, at the …",
 * "At the top left, a small red circle …") and is not put off by other words around them.
 */
export function parseCaption(caption: string, vocabulary: CaptionVocabulary): DescribedObject[] {
  const words = captionWords(caption).map((word) => singular(ALIASES.get(word) ?? word, vocabulary.shapes));
  const shapes = findPhrases(words, vocabulary.shapes);
  const endOf = (index: number): number => shapes[index]?.end ?? 0;
  const starts = shapes.map(({ start }, index) => (index === 0 ? 0 : boundary(words, endOf(index - 1), start)));
  // "At the top left a small …": each position stands before its object.
  const firstObject = Math.min(...[words.findIndex((word) => ARTICLES.has(word)), shapes[0]?.start ?? 0].filter((at) => at >= 0));
  const positionFirst = findPhrases(words.slice(0, firstObject), vocabulary.positions).length > 0;

  return shapes.map(({ phrase, start, end }, index) => {
    const own = words.slice(starts[index], starts[index + 1]);
    const around = positionFirst ? words.slice(index === 0 ? 0 : endOf(index - 1), start) : words.slice(end, starts[index + 1]);
    return {
      shape: phrase,
      colour: own.find((word) => vocabulary.colours.includes(word)) ?? null,
      size: own.find((word) => vocabulary.sizes.includes(word)) ?? null,
      position: findPhrases(around, vocabulary.positions)[0]?.phrase ?? null,
    };
  });
}

/** Where the words about the next object begin: at its article, else after "and", else right after the last object. */
function boundary(words: readonly string[], last: number, next: number): number {
  const between = words.slice(last, next);
  const article = between.findLastIndex((word) => ARTICLES.has(word));
  return last + (article >= 0 ? article : between.lastIndexOf('and') + 1);
}

interface FoundPhrase {
  readonly phrase: string;
  readonly start: number;
  /** One past its last word. */
  readonly end: number;
}

/** The phrases that occur, from left to right; of "top" and "top left" the longer. */
function findPhrases(words: readonly string[], phrases: readonly string[]): FoundPhrase[] {
  const longestFirst = phrases.map((phrase) => ({ phrase, parts: phrase.split(' ') })).sort((a, b) => b.parts.length - a.parts.length);
  const found: FoundPhrase[] = [];
  for (let start = 0; start < words.length; start++) {
    const match = longestFirst.find(({ parts }) => parts.every((part, offset) => words[start + offset] === part));
    if (match === undefined) continue;
    found.push({ phrase: match.phrase, start, end: start + match.parts.length });
    start += match.parts.length - 1;
  }
  return found;
}

function singular(word: string, shapes: readonly string[]): string {
  return shapes.find((shape) => word === `${shape}s` || word === `${shape}es`) ?? word;
}
