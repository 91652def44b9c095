/**
 * ROUGE-L of one caption, 0 to 1: the F-measure (β = 1) of the longest common subsequence of words, the best over the references.
 * Definition: Lin 2004, as the package rouge_score 0.1.2 computes it without stemming; words are runs of a–z and 0–9 in lower case.
 */
export function rougeL(candidate: string, references: readonly string[]): number {
  const words = rougeWords(candidate);
  return Math.max(0, ...references.map((reference) => fMeasure(words, rougeWords(reference))));
}

function rougeWords(text: string): string[] {
  return text.toLowerCase().match(/[a-z0-9]+/g) ?? [];
}

function fMeasure(candidate: readonly string[], reference: readonly string[]): number {
  const common = commonSubsequence(candidate, reference);
  return common === 0 ? 0 : (2 * common) / (candidate.length + reference.length);
}

/** Length of the longest common subsequence, row by row of the usual table. */
function commonSubsequence(a: readonly string[], b: readonly string[]): number {
  let above = new Uint32Array(b.length + 1);
  for (const word of a) {
    const row = new Uint32Array(b.length + 1);
    for (const [index, other] of b.entries()) {
      row[index + 1] = word === other ? (above[index] ?? 0) + 1 : Math.max(above[index + 1] ?? 0, row[index] ?? 0);
    }
    above = row;
  }
  return above[b.length] ?? 0;
}
