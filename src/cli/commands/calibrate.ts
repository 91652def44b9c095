import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { Option, type Command } from 'commander';
import { describeEnvironment } from '../../bench/probes/environment.js';
import { findModel } from '../../catalogue/find-model.js';
import { dataDirectories } from '../../core/data-directories.js';
import { EdgeVlmError } from '../../core/errors.js';
import { writeFileAtomically } from '../../core/write-file-atomically.js';
import { defaultThreads } from '../../engine/default-threads.js';
import { DRAFT_VIEWS, type DraftView } from '../../engine/draft-model.js';
import { readVisionFamily } from '../../engine/vision-family.js';
import { readGguf } from '../../formats/gguf/read-gguf.js';
import { preparePictures } from '../../runtimes/engine/prepare-pictures.js';
import type { CalibrationPrompt } from '../calibration/calibrate-model.js';
import { calibrationDevice, calibrationFile, type CalibrationRecord } from '../calibration/calibration-record.js';
import { columns } from '../columns.js';
import { identifyModel } from '../identify-model.js';
import { computeOptions } from '../options/compute-options.js';
import { addModelOptions, type ModelOptions } from '../options/model-options.js';
import { decimalNumber, wholeNumber } from '../options/number-parser.js';
import { addOutputOptions } from '../options/output-options.js';
import { DrawnPrompts } from '../prompts/drawn-prompts.js';
import { runNative } from '../run-native.js';
import type { Session } from '../session.js';

interface CalibrateOptions extends ModelOptions {
  readonly draft?: string;
  readonly draftView?: DraftView;
  readonly prompts: number;
  readonly seed: number;
  readonly target: number;
  readonly guesses: number;
}

/** Never the split that models are tested on. */
const SPLIT = 'validation';

/** `edgevlm calibrate`: what guessing costs and where tokens may leave early, for one model on this device. */
export function calibrate(program: Command, session: Session): void {
  const command = program
    .command('calibrate')
    .description('Learn what guessing ahead costs on this device and where tokens may leave a model early; the engine then uses it.')
    .option('--draft <name|file>', 'a smaller model with the same vocabulary, to guess ahead')
    .addOption(
      new Option('--draft-view <what>', "what the draft sees of pictures: words, or the model's image tokens; default: words").choices([
        ...DRAFT_VIEWS,
      ]),
    )
    .option('--prompts <n>', 'how many prompts: scenes, albums and text of the validation split', wholeNumber(3, 10_000), 90)
    .option('--seed <n>', 'another seed draws other prompts', wholeNumber(0, Number.MAX_SAFE_INTEGER), 1)
    .option('--target <p>', 'share of tokens that must stay those of the full model', decimalNumber(0, 1), 0.99)
    .option('--guesses <n>', 'guesses at most that are timed', wholeNumber(1, 63), 7);
  addOutputOptions(addModelOptions(command)).action((options: CalibrateOptions) => run(options, session));
}

async function run(options: CalibrateOptions, session: Session): Promise<void> {
  const { terminal, signal } = session;
  const { seed, target, guesses, draftView: view = 'words' } = options;
  if (options.draftView !== undefined && options.draft === undefined) throw new EdgeVlmError('USAGE', '--draft-view needs --draft');
  const found = await findModel({ model: options.model, mmproj: options.mmproj, vision: true });
  const { model, mmproj } = found;
  const draft = options.draft === undefined ? undefined : (await findModel({ model: options.draft, vision: false })).model;
  const threads = options.threads ?? defaultThreads();
  const environment = await describeEnvironment();
  const vision = mmproj === undefined ? null : readVisionFamily(await readGguf(mmproj)).preprocessing;
  const drawn = new DrawnPrompts({ split: SPLIT, seed, vision });
  const prompts: CalibrationPrompt[] = [];
  for (let index = 0; index < options.prompts; index++) {
    const { messages, maxTokens } = await drawn.prompt(index);
    const { input } = await preparePictures({ input: { messages }, maxTokens }, vision);
    if ('messages' in input) prompts.push({ messages: input.messages, maxTokens });
  }
  const load = {
    ...{ model, ...(mmproj !== undefined && { mmproj }), ...computeOptions(options), threads },
    ...(options.context !== undefined && { context: options.context }),
    ...(draft !== undefined && { draft: { model: draft, view } }),
  };
  const { tokens, ngram, speculative, selfSpeculative, exits } = await runNative(
    'calibrate',
    { load, prompts, target, guesses },
    { onProgress: terminal.progress, signal },
  );
  const record: CalibrationRecord = {
    schemaVersion: 1,
    createdAt: new Date().toISOString(),
    edgevlm: environment.edgevlm,
    model: await identifyModel(await readGguf(model), signal),
    draft: draft === undefined ? null : { identity: await identifyModel(await readGguf(draft), signal), view },
    device: calibrationDevice(environment),
    threads,
    calibratedOn: { split: SPLIT, seed, prompts: prompts.length, tokens },
    v: ngram.verify_ms.map((cost) => cost / (ngram.verify_ms[0] ?? NaN)),
    costs: {
      ngram: writable(ngram),
      speculative: speculative && writable(speculative),
      'self-speculative': selfSpeculative && writable(selfSpeculative.costs),
    },
    selfSpeculative: selfSpeculative && {
      draftLayers: selfSpeculative.draftLayers,
      acceptance: selfSpeculative.acceptance,
      speedup: selfSpeculative.speedup,
    },
    exits: exits && { ...exits, exitLayers: [...exits.exitLayers], exitThreshold: [...exits.exitThreshold], target },
  };
  const folder = dataDirectories().calibration;
  const file = calibrationFile(folder, record);
  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw new EdgeVlmError('FILE_UNWRITABLE', `${folder} cannot be made`, { cause });
  });
  await writeFileAtomically(file, (write) => write(new TextEncoder().encode(`${JSON.stringify(record, null, 2)}\n`)));
  terminal.result({ file, ...record }, describe(record).join('\n'));
  terminal.note(`saved as ${path.relative(process.cwd(), file)}; the engine uses it unless --calibration none is given`);
}

function writable({ draft_ms, verify_ms }: { readonly draft_ms: readonly number[]; readonly verify_ms: readonly number[] }): {
  draft_ms: number[];
  verify_ms: number[];
} {
  return { draft_ms: [...draft_ms], verify_ms: [...verify_ms] };
}

/** What was learnt, for people. */
function describe({ v, costs, selfSpeculative, exits, calibratedOn, draft }: CalibrationRecord): string[] {
  const ms = (value: number | undefined): string => (value === undefined ? '–' : value.toFixed(3));
  const { speculative, 'self-speculative': early } = costs;
  const rows = [
    [
      'tokens in a pass',
      'T, ms',
      'v',
      ...(draft === null ? [] : ['draft, ms']),
      ...(early === null ? [] : ['early layers, ms', 'and the rest']),
    ],
    ...v.map((cost, i) => [
      String(i + 1),
      ms(costs.ngram.verify_ms[i]),
      cost.toFixed(2),
      ...(draft === null ? [] : [ms(speculative?.draft_ms[i])]),
      ...(early === null ? [] : [ms(early.draft_ms[i]), ms(early.verify_ms[i])]),
    ]),
  ];
  const percent = (share: number): string => `${(100 * share).toFixed(1)}%`;
  return [
    ...columns(rows),
    '',
    selfSpeculative === null
      ? 'Self-speculation: no early layers are a drafter that pays.'
      : `Self-speculation: ${selfSpeculative.draftLayers} layers guess, ${percent(selfSpeculative.acceptance)} right: ${selfSpeculative.speedup.toFixed(2)}× predicted.`,
    exits === null
      ? 'Early exit: no exit saves anything at this agreement.'
      : `Early exit by ${exits.gate} after ${exits.exitLayers.join(' and ')} layers above ${exits.exitThreshold.map((t) => t.toPrecision(4)).join(' and ')}: ` +
        `${percent(exits.exitRate)} of the tokens leave, ${percent(exits.saved)} of the layers saved, ${percent(exits.agreement)} agree.`,
    `Learnt on ${calibratedOn.prompts} prompts (${calibratedOn.split}, seed ${calibratedOn.seed}); exits were tried out on a third of them that they were not chosen on.`,
  ];
}
