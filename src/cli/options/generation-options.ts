import type { Command } from 'commander';
import type { GenerateRequest, SamplingOptions } from '../../core/generator.js';
import { decimalNumber, wholeNumber } from './number-parser.js';
import { repeatable } from './repeatable.js';

/** How an answer is generated. */
export interface GenerationOptions extends Pick<SamplingOptions, 'temperature' | 'topK' | 'topP' | 'minP' | 'repeatPenalty' | 'seed'> {
  readonly maxTokens: number;
  readonly stop: readonly string[];
  /** Files; read by `readGrammar`. */
  readonly grammar?: string;
  readonly jsonSchema?: string;
  readonly timings?: true;
}

/** The bounds are those of `SamplingOptions`. */
export function addGenerationOptions(command: Command): Command {
  return command
    .option('--max-tokens <n>', 'new tokens at most', wholeNumber(1, 1_000_000), 128)
    .option('--temperature <t>', 'how freely to choose; 0 takes the likeliest token; default: 0', decimalNumber(0, 100))
    .option('--top-k <k>', 'choose among the k likeliest tokens, 0 for all; default: 40', wholeNumber(0, 0x7fffffff))
    .option('--top-p <p>', 'choose among the likeliest tokens that make this share; default: 0.95', decimalNumber(0, 1))
    .option('--min-p <p>', 'leave out tokens below this share of the likeliest; default: 0.05', decimalNumber(0, 1))
    .option('--repeat-penalty <x>', 'divide the logits of recent tokens; 1 is off; default: 1', decimalNumber(0.01, 100))
    .option('--seed <n>', 'seed of the choices; default: 0', wholeNumber(0, 0xfffffffe))
    .addOption(repeatable('--stop <text>', 'end before this text'))
    .option('--grammar <file>', 'a GBNF grammar that the answer must obey')
    .option('--json-schema <file>', 'a JSON Schema that the answer must be valid under')
    .option('--timings', 'print the time of every stage to standard error');
}

/** The part of a request that these options decide, but for the grammar, which lies in a file. */
export function generationRequest(options: GenerationOptions): Omit<GenerateRequest, 'input'> {
  const { maxTokens, stop, temperature, topK, topP, minP, repeatPenalty, seed } = options;
  const sampling: SamplingOptions = {
    ...(temperature !== undefined && { temperature }),
    ...(topK !== undefined && { topK }),
    ...(topP !== undefined && { topP }),
    ...(minP !== undefined && { minP }),
    ...(repeatPenalty !== undefined && { repeatPenalty }),
    ...(seed !== undefined && { seed }),
  };
  return { maxTokens, stop, sampling };
}
