import { Option, type Command } from 'commander';
import { findModel } from '../../catalogue/find-model.js';
import {
  DECODING_STRATEGIES,
  EXIT_GATES,
  VERIFICATIONS,
  type DecodingOptions,
  type DecodingStrategyName,
  type ExitGate,
  type Verification,
} from '../../core/decoding.js';
import { EdgeVlmError } from '../../core/errors.js';
import { DRAFT_VIEWS, type DraftView } from '../../engine/draft-model.js';
import type { EngineLoadOptions } from '../../runtimes/engine/engine-protocol.js';
import { decimalNumber, wholeNumber } from './number-parser.js';

/** How tokens are found; the fields are those of `DecodingOptions`, and the draft model. */
export interface DecodingFlags {
  readonly decoding?: DecodingStrategyName;
  readonly draft?: string;
  readonly draftView?: DraftView;
  readonly draftTokens?: number;
  readonly draftFixed?: true;
  readonly draftLayers?: number;
  readonly verification?: Verification;
  readonly ngramMin?: number;
  readonly ngramMax?: number;
  readonly exitLayers?: readonly number[];
  readonly exitThreshold?: readonly number[];
  readonly exitGate?: ExitGate;
  readonly exitDecay?: number;
  /** For `applyCalibration`. */
  readonly calibration?: string;
}

/** The bounds are the engine's. */
const MAX_TOKENS = 64;
const MAX_LAYERS = 1024;

export function addDecodingOptions(command: Command): Command {
  const choice = (flags: string, description: string, choices: readonly string[]): Option =>
    new Option(flags, description).choices(choices);
  return command
    .addOption(choice('--decoding <strategy>', 'how tokens are found; default: plain, or speculative with --draft', DECODING_STRATEGIES))
    .option('--draft <name|file>', 'a smaller model with the same vocabulary, to guess ahead')
    .addOption(
      choice('--draft-view <what>', "what the draft sees of pictures: words, or the model's image tokens; default: words", DRAFT_VIEWS),
    )
    .option('--draft-tokens <n>', 'tokens to guess ahead, at most; default: 4', wholeNumber(1, MAX_TOKENS))
    .option('--draft-fixed', 'always guess so many, even where fewer or none would be faster')
    .option('--draft-layers <n>', 'layers that guess in self-speculative decoding; default: a quarter', wholeNumber(1, MAX_LAYERS))
    .addOption(
      choice('--verification <method>', 'how guesses are verified; match says what plain decoding says; default: match', VERIFICATIONS),
    )
    .option('--ngram-min <n>', 'tokens that must repeat before ngram decoding guesses; default: 2', wholeNumber(1, MAX_TOKENS))
    .option('--ngram-max <n>', 'and how many it looks at; default: 4', wholeNumber(1, MAX_TOKENS))
    .option(
      '--exit-layers <list>',
      'layers after which a token may leave early; default: a third to five sixths',
      listOf(wholeNumber(1, MAX_LAYERS)),
    )
    .option(
      '--exit-threshold <p>',
      'how sure it must be, one for all or for each; 1 never leaves; default: 0.9',
      listOf(decimalNumber(0, 1)),
    )
    .addOption(choice('--exit-gate <gate>', 'what it must be sure by; default: softmax_max', EXIT_GATES))
    .option('--exit-decay <x>', 'how fast the threshold falls along an answer; default: 0', decimalNumber(0, 100))
    .option('--calibration <auto|none|file>', 'what `edgevlm calibrate` learnt, where it learnt something; default: auto');
}

/** The same as the engine takes them. @throws EdgeVlmError USAGE; as `findModel` for the draft */
export async function decodingOptions(flags: DecodingFlags): Promise<Pick<EngineLoadOptions, 'decoding' | 'draft'>> {
  const { decoding: strategy, draft, draftView, draftFixed, exitThreshold, ...same } = flags;
  const decoding: DecodingOptions = {
    ...(strategy && { strategy }),
    ...(draftFixed && { adaptive: false }),
    ...(exitThreshold && { exitThreshold }),
    ...pick(same, ['draftTokens', 'draftLayers', 'verification', 'ngramMin', 'ngramMax', 'exitLayers', 'exitGate', 'exitDecay']),
  };
  if (draft === undefined) {
    if (draftView !== undefined) throw new EdgeVlmError('USAGE', '--draft-view needs --draft');
    return { decoding };
  }
  const { model } = await findModel({ model: draft, vision: false });
  return { decoding, draft: { model, ...(draftView && { view: draftView }) } };
}

/** The fields that are there. */
function pick<T extends object, K extends keyof T>(from: T, names: readonly K[]): Partial<Pick<T, K>> {
  const picked: Partial<Pick<T, K>> = {};
  for (const name of names) if (from[name] !== undefined) picked[name] = from[name];
  return picked;
}

function listOf(parse: (text: string) => number): (text: string) => number[] {
  return (text) => text.split(',').map((item) => parse(item));
}
