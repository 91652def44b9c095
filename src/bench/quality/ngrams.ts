/**
 * Counts the n-grams of a sentence: one map for each n from 1 to `order`, from the n-gram to how often it occurs.
 * @param words without white space, so that joining them by a space is unambiguous
 */
export function countNgrams(words: readonly string[], order: number): Map<string, number>[] {
  return Array.from({ length: order }, (_, index) => {
    const counts = new Map<string, number>();
    for (let end = index + 1; end <= words.length; end++) {
      const ngram = words.slice(end - index - 1, end).join(' ');
      counts.set(ngram, (counts.get(ngram) ?? 0) + 1);
    }
    return counts;
  });
}
