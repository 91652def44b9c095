import type { Command } from 'commander';
import { DECODING_STRATEGIES, type DecodingStrategyName } from '../../core/decoding.js';
import { EdgeVlmError } from '../../core/errors.js';
import { addDecodingOptions, type DecodingFlags } from '../options/decoding-options.js';
import { decimalNumber, wholeNumber } from '../options/number-parser.js';

/** Options of `bench engine --ablate`. */
export interface AblationFlags extends DecodingFlags {
  readonly ablate?: true;
  readonly strategies?: readonly string[];
  readonly caches?: readonly string[];
  readonly prompts?: number;
  readonly seed?: number;
  readonly temperature?: number;
  readonly forcedTokens?: number;
  readonly forcedPictures?: number;
  readonly report?: string;
}

/** Without defaults: whether one was given says whether it was meant for the ablation. */
export function addAblationOptions(command: Command): Command {
  command
    .option('--ablate', 'instead: what decoding strategies and cache policies each bring and cost, beside plain decoding')
    .option('--strategies <list>', `with --ablate: default: ${DECODING_STRATEGIES.join(',')}`, list)
    .option(
      '--caches <list>',
      'with --ablate: each with every strategy, such as full,hadamard:q8_0,gear:4,pyramidkv:0.4; default: full',
      list,
    )
    .option('--prompts <n>', 'with --ablate: scenes, albums and text; default: 200', wholeNumber(1, 100_000))
    .option('--seed <n>', 'with --ablate: another seed draws other prompts; default: 0', wholeNumber(0, 0xfffffffe))
    .option('--temperature <t>', 'with --ablate: also sample at it, at a fixed seed; 0: only greedy; default: 0.8', decimalNumber(0, 100))
    .option(
      '--forced-tokens <n>',
      'with --ablate: lead lossy variants along so many tokens of whole albums, in pieces that a later run goes on from; default: the answers',
      wholeNumber(1, 10_000_000),
    )
    .option('--forced-pictures <n>', 'with --forced-tokens: pictures of an album; default: 12', wholeNumber(12, 64))
    .option('--report <dir>', 'with --ablate: where report.html, report.json and report.md go; default: reports/ablation');
  return addDecodingOptions(command);
}

/** @throws EdgeVlmError USAGE */
export function strategiesOf(names: readonly string[] = DECODING_STRATEGIES): DecodingStrategyName[] {
  return names.map((name) => {
    const known = DECODING_STRATEGIES.find((strategy) => strategy === name);
    if (known === undefined)
      throw new EdgeVlmError('USAGE', `there is no decoding strategy "${name}"; there are ${DECODING_STRATEGIES.join(', ')}`);
    return known;
  });
}

/** Refuses options that only an ablation obeys. @throws EdgeVlmError USAGE */
export function refuseWithoutAblate(flags: AblationFlags): void {
  const { strategies, caches, prompts, seed, temperature, forcedTokens, forcedPictures, report, draft, decoding, calibration } = flags;
  const given = Object.entries({
    strategies,
    caches,
    prompts,
    seed,
    temperature,
    'forced-tokens': forcedTokens,
    'forced-pictures': forcedPictures,
    report,
    draft,
    decoding,
    calibration,
  });
  const [name] = given.find(([, value]) => value !== undefined) ?? [];
  if (name !== undefined) throw new EdgeVlmError('USAGE', `--${name} needs --ablate`);
}

function list(text: string): string[] {
  return text.split(',').map((name) => name.trim());
}
