import { InvalidArgumentError } from 'commander';

/** Parses `a,b` as a list of some of `choices`, each once. @param when there may be several */
export function listOf<const Choice extends string>(choices: readonly Choice[], when = ', with --matrix'): (text: string) => Choice[] {
  return (text) => {
    const words = text.split(',').map((word) => word.trim());
    const known = words.flatMap((word) => choices.filter((choice) => choice === word));
    if (known.length !== words.length || new Set(known).size !== known.length)
      throw new InvalidArgumentError(`Expected ${choices.join(', ')}; several, separated by commas${when}.`);
    return known;
  };
}
