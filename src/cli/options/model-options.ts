import type { Command } from 'commander';
import { wholeNumber } from './number-parser.js';

/** Which model runs, and how. */
export interface ModelOptions {
  readonly model: string;
  readonly mmproj?: string;
  readonly threads?: number;
  /** Tokens. */
  readonly context?: number;
}

/** ggml's `GGML_MAX_N_THREADS`. */
const MAX_THREADS = 512;
/** Far beyond any real model; whether the memory is there is for the engine to say. */
const MAX_CONTEXT = 16_777_216;

export function addModelOptions(command: Command): Command {
  return command
    .option('--model <name|file>', 'a GGUF file, or a name such as shapes or shapes:q8_0', 'shapes')
    .option('--mmproj <file>', 'the vision half; default: the one beside the model')
    .option('--threads <n>', 'threads to compute with; default: all cores, at most 8', wholeNumber(1, MAX_THREADS))
    .option('--context <tokens>', 'tokens to keep; default: what the model was trained with, at most 4096', wholeNumber(1, MAX_CONTEXT));
}
