import type { Command } from 'commander';
import type { SamplingOptions } from '../../core/generator.js';
import { decimalNumber, wholeNumber } from './number-parser.js';

/** How tokens are chosen. */
export type SamplingFlags = Pick<SamplingOptions, 'temperature' | 'topK' | 'topP' | 'minP' | 'repeatPenalty' | 'seed'>;

/** The bounds are those of `SamplingOptions`. */
export function addSamplingOptions(command: Command): Command {
  return command
    .option('--temperature <t>', 'how freely to choose; 0 takes the likeliest token; default: 0', decimalNumber(0, 100))
    .option('--top-k <k>', 'choose among the k likeliest tokens, 0 for all; default: 40', wholeNumber(0, 0x7fffffff))
    .option('--top-p <p>', 'choose among the likeliest tokens that make this share; default: 0.95', decimalNumber(0, 1))
    .option('--min-p <p>', 'leave out tokens below this share of the likeliest; default: 0.05', decimalNumber(0, 1))
    .option('--repeat-penalty <x>', 'divide the logits of recent tokens; 1 is off; default: 1', decimalNumber(0.01, 100))
    .option('--seed <n>', 'seed of the choices; default: 0', wholeNumber(0, 0xfffffffe));
}

/** The same as requests take them. */
export function samplingOptions({ temperature, topK, topP, minP, repeatPenalty, seed }: SamplingFlags): SamplingOptions {
  return {
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { topP }),
    ...(topK !== undefined && { topK }),
    ...(minP !== undefined && { minP }),
    ...(repeatPenalty !== undefined && { repeatPenalty }),
    ...(seed !== undefined && { seed }),
  };
}
