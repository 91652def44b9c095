import { InvalidArgumentError, Option, type Command } from 'commander';
import { RUNTIME_NAMES, type RuntimeName } from '../../core/runtime.js';
import type { MemoryBudget } from '../../serving/memory-ledger.js';
import { addComputeOptions, type ComputeOptions } from './compute-options.js';
import { MAX_CONTEXT } from './model-options.js';
import { wholeNumber } from './number-parser.js';
import { repeatable } from './repeatable.js';

/** Which models a server starts with, what else it may load, and how much memory all of them take. */
export interface ServedModelsOptions extends ComputeOptions {
  /** Names and files; empty: the model in the box. */
  readonly model: readonly string[];
  /** Default: the engine where it can. */
  readonly runtime?: RuntimeName;
  /** Of the first model, as drafts are. */
  readonly mmproj?: string;
  /** Tokens of each request. */
  readonly context?: number;
  readonly modelsDir: readonly string[];
  readonly preload?: true;
  readonly memoryBudget: MemoryBudget;
  readonly forgetQuarantine?: true;
}

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 };

export function addServedModelOptions(command: Command): Command {
  const models = command
    .addOption(
      repeatable('--model <name|file>', 'a GGUF file, or a name such as shapes:q8_0; the first answers where a request names none').default(
        [],
        'shapes',
      ),
    )
    .addOption(new Option('--runtime <name>', 'what runs the models; default: the engine where it can').choices([...RUNTIME_NAMES]))
    .option('--mmproj <file>', 'the vision half of the first model; default: the one beside it')
    .option(
      '--context <tokens>',
      'tokens of a prompt and its answer; default: what the model was trained with, at most 4096',
      wholeNumber(1, MAX_CONTEXT),
    )
    .addOption(repeatable('--models-dir <folder>', 'a folder whose GGUF files clients with the scope admin may load'))
    .option('--preload', 'listen when all models are loaded; default: when the first is')
    .option(
      '--memory-budget <bytes|auto>',
      'memory of all models together, such as 6G; default: auto, what the machine or its container has available',
      memoryBudget,
      'auto' as const,
    )
    .option('--forget-quarantine', 'take pictures again that ended the engine twice');
  return addComputeOptions(models);
}

/** Bytes, with K, M, G or T for binary multiples, as in `512M`. */
export function memoryBudget(text: string): MemoryBudget {
  if (text === 'auto') return text;
  const [, digits, unit = ''] = /^(\d{1,15})([KMGT]?)(?:i?B)?$/i.exec(text) ?? [];
  const bytes = Number(digits) * (UNITS[unit.toUpperCase()] ?? NaN);
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  throw new InvalidArgumentError('Expected auto, or bytes such as 6000000000, 512M or 6G.');
}
