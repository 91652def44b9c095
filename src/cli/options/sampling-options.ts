import type { Command } from 'commander';
import type { SamplingOptions } from '../../core/generator.js';
import { decimalNumber, wholeNumber } from './number-parser.js';

/** How tokens are chosen. */
export interface SamplingFlags extends Omit<SamplingOptions, 'penaltyLastN'> {
  readonly repeatLastN?: number;
}

/** The bounds are those of `SamplingOptions`. */
export function addSamplingOptions(command: Command): Command {
  return command
    .option('--temperature <t>', 'how freely to choose; 0 takes the likeliest token; default: 0', decimalNumber(0, 100))
    .option('--top-k <k>', 'choose among the k likeliest tokens, 0 for all; default: 40', wholeNumber(0, 0x7fffffff))
    .option('--top-p <p>', 'choose among the likeliest tokens that make this share; default: 0.95', decimalNumber(0, 1))
    .option('--min-p <p>', 'leave out tokens below this share of the likeliest; default: 0.05', decimalNumber(0, 1))
    .option('--repeat-penalty <x>', 'divide the logits of recent tokens; 1 is off; default: 1', decimalNumber(0.01, 100))
    .option('--repeat-last-n <n>', 'tokens that the penalties see; default: 64', wholeNumber(0, 65_536))
    .option('--frequency-penalty <x>', 'for every time that a token was there already; default: 0', decimalNumber(-2, 2))
    .option('--presence-penalty <x>', 'for tokens that were there already; default: 0', decimalNumber(-2, 2))
    .option('--seed <n>', 'seed of the choices; default: 0', wholeNumber(0, 0xfffffffe));
}

/** The same as requests take them. */
export function samplingOptions(flags: SamplingFlags): SamplingOptions {
  const { temperature, topK, topP, minP, repeatPenalty, repeatLastN, frequencyPenalty, presencePenalty, seed } = flags;
  return {
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { topP }),
    ...(topK !== undefined && { topK }),
    ...(minP !== undefined && { minP }),
    ...(repeatPenalty !== undefined && { repeatPenalty }),
    ...(repeatLastN !== undefined && { penaltyLastN: repeatLastN }),
    ...(frequencyPenalty !== undefined && { frequencyPenalty }),
    ...(presencePenalty !== undefined && { presencePenalty }),
    ...(seed !== undefined && { seed }),
  };
}
