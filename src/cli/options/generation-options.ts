import type { Command } from 'commander';
import type { GenerateRequest } from '../../core/generator.js';
import { wholeNumber } from './number-parser.js';
import { repeatable } from './repeatable.js';
import { addSamplingOptions, type SamplingFlags, samplingOptions } from './sampling-options.js';

/** How an answer is generated. */
export interface GenerationOptions extends SamplingFlags {
  readonly maxTokens: number;
  readonly stop: readonly string[];
  /** Files; read by `readGrammar`. */
  readonly grammar?: string;
  readonly jsonSchema?: string;
  readonly timings?: true;
}

export function addGenerationOptions(command: Command): Command {
  return addSamplingOptions(command.option('--max-tokens <n>', 'new tokens at most', wholeNumber(1, 1_000_000), 128))
    .addOption(repeatable('--stop <text>', 'end before this text'))
    .option('--grammar <file>', 'a GBNF grammar that the answer must obey')
    .option('--json-schema <file>', 'a JSON Schema that the answer must be valid under')
    .option('--timings', 'print the time of every stage to standard error');
}

/** The part of a request that these options decide, but for the grammar, which lies in a file. */
export function generationRequest(options: GenerationOptions): Omit<GenerateRequest, 'input'> {
  const { maxTokens, stop } = options;
  return { maxTokens, stop, sampling: samplingOptions(options) };
}
