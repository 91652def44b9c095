import type { Command } from 'commander';
import { addComputeOptions, type ComputeOptions } from './compute-options.js';
import { wholeNumber } from './number-parser.js';

/** Which model runs, and how. */
export interface ModelOptions extends ComputeOptions {
  readonly model: string;
  readonly mmproj?: string;
  /** Tokens. */
  readonly context?: number;
}

/** Far beyond any real model; whether the memory is there is for the engine to say. */
export const MAX_CONTEXT = 16_777_216;

export function addModelOptions(command: Command): Command {
  const model = command
    .option('--model <name|file>', 'a GGUF file, or a name such as shapes or shapes:q8_0', 'shapes')
    .option('--mmproj <file>', 'the vision half; default: the one beside the model')
    .option('--context <tokens>', 'tokens to keep; default: what the model was trained with, at most 4096', wholeNumber(1, MAX_CONTEXT));
  return addComputeOptions(model);
}
