import type { GgufValue } from '../formats/gguf/gguf-value.js';
import type { GgufTensorSource } from '../formats/gguf/write-gguf.js';

/**
 * What a GGUF file says of itself first. llama.cpp also guesses a base name, a version and an author from the folder's name
 * and the model card; those are left out.
 */
export function generalMetadata(
  architecture: string,
  kind: 'model' | 'mmproj',
  name: string,
  tensors: readonly GgufTensorSource[],
): [string, GgufValue][] {
  const parameters = tensors.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0);
  return [
    ['general.architecture', { type: 'string', value: architecture }],
    ['general.type', { type: 'string', value: kind }],
    ['general.name', { type: 'string', value: title(name) }],
    ['general.size_label', { type: 'string', value: sizeLabel(parameters) }],
  ];
}

/** "tiny-model-v2" becomes "Tiny Model v2". Source: `Metadata.id_to_title` in gguf-py. */
function title(name: string): string {
  const words = name.trim().replaceAll('-', ' ').split(/\s+/);
  const isPlain = (word: string): boolean =>
    word === word.toLowerCase() && word !== word.toUpperCase() && !/^(v\d+(\.\d+)*|\d.*)$/.test(word);
  // Python's str.title starts a word after every character that is no letter.
  return words
    .map((word) => (isPlain(word) ? word.replace(/\p{L}+/gu, (run) => run.charAt(0).toUpperCase() + run.slice(1)) : word))
    .join(' ');
}

/** Two significant digits at least, as "1.5M" or "187K". Source: `model_weight_count_rounded_notation` in gguf-py. */
function sizeLabel(parameters: number): string {
  const units: [number, string][] = [
    [1e12, 'T'],
    [1e9, 'B'],
    [1e6, 'M'],
    [1e3, 'K'],
  ];
  const [unit, suffix] = units.find(([size]) => parameters > size) ?? [1e3, 'K'];
  const scaled = parameters / unit;
  const digits = scaled < 0.5 ? 0 : String(Math.round(scaled)).length;
  return scaled.toFixed(Math.max(0, 2 - digits)) + suffix;
}
