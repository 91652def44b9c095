/**
 * A caption's words as caption metrics compare them: runs of letters and digits in lower case, punctuation dropped.
 * It takes the place of the Stanford tokeniser that coco-caption runs (Java); on plain sentences both give the same words.
 */
export function captionWords(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];
}
