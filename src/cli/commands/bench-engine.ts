import os from 'node:os';

import { type Command, InvalidArgumentError } from 'commander';

import { describeEnvironment } from '../../bench/probes/environment.js';
import { compareForwardPasses, speedVerdicts } from '../../bench/scenarios/engine/compare-forward-passes.js';
import { engineReport } from '../../bench/scenarios/engine/engine-report.js';
import { runEngineScenario } from '../../bench/scenarios/engine/engine-scenario.js';
import { findModel } from '../../catalogue/find-model.js';
import { createRunRecord } from '../../core/run-record.js';
import { readGguf, type GgufFile } from '../../formats/gguf/read-gguf.js';
import { FORWARD_RUNTIMES, startForwardPass, type ForwardRuntime } from '../../runtimes/forward-passes.js';
import { identifyModel } from '../identify-model.js';
import { wholeNumber } from '../options/number-parser.js';
import { addOutputOptions } from '../options/output-options.js';
import { saveRun } from '../save-run.js';
import type { Session } from '../session.js';

interface BenchEngineOptions {
  readonly model: string;
  readonly vs?: ForwardRuntime;
  readonly prefill: number;
  readonly depths: readonly number[];
  readonly decode: number;
  readonly repetitions: number;
  readonly loads: number;
  readonly threads?: number;
  readonly quick?: true;
  readonly out?: string;
}

const SUBJECT: ForwardRuntime = 'engine';
/** What this first engine has to reach beside its peer. */
const WANTED_RATIO = 0.95;
/** `--quick`: enough for a first impression in some ten seconds on a small model. */
const QUICK = { depths: [0, 256], decode: 16, repetitions: 5, loads: 1 } as const;

/** `edgevlm bench engine`: prefill, decode at several depths, host time, load and memory, beside a peer and the machine's limit. */
export function benchEngine(bench: Command, session: Session): void {
  const command = bench
    .command('engine')
    .description("Time the engine's forward pass, beside a peer and the limit of the machine.")
    .option('--model <name|file>', 'a GGUF file, or a name such as shapes or shapes:q8_0', 'shapes')
    .option('--vs <runtime>', `a peer to take turns with: ${FORWARD_RUNTIMES.filter((name) => name !== SUBJECT).join(', ')}`, peerName)
    .option('--prefill <n>', 'tokens of the timed prefill', wholeNumber(1, 65_536), 256)
    .option('--depths <list>', 'tokens in the cache when decoding is timed', depthList, [0, 256, 1024])
    .option('--decode <n>', 'tokens decoded in each repetition', wholeNumber(1, 65_536), 32)
    .option('--repetitions <n>', 'pairs of measurements', wholeNumber(1, 1000), 5)
    .option('--loads <n>', 'how often each runtime is loaded', wholeNumber(1, 100), 3)
    .option('--threads <n>', 'threads to compute with; default: all cores, at most 8', wholeNumber(1, 512))
    .option('--quick', 'fewer depths, tokens and loads')
    .option('--out <file>', 'also write the run record here; a Markdown report is written beside it');
  addOutputOptions(command).action(async (options: BenchEngineOptions) => {
    await run(options, session);
  });
}

async function run(options: BenchEngineOptions, { terminal, signal }: Session): Promise<void> {
  const { model } = await findModel({ model: options.model, vision: false });
  const file = await readGguf(model);
  const threads = options.threads ?? Math.min(os.availableParallelism(), 8);
  const plan = options.quick === true ? { ...options, ...QUICK } : options;
  const context = Math.max(plan.prefill, ...plan.depths) + plan.decode;
  const runtimes = plan.vs === undefined ? [SUBJECT] : [SUBJECT, plan.vs];

  const environment = await describeEnvironment();
  // Hashing reads the whole file, so that no runtime's first load is the one that waits for the disk.
  const identity = await identifyModel(file, signal);
  const result = await runEngineScenario({
    start: runtimes.map((runtime) => () => startForwardPass(runtime, { model, threads, context })),
    threads,
    prefill: plan.prefill,
    depths: plan.depths,
    decode: plan.decode,
    repetitions: plan.repetitions,
    loads: plan.loads,
    onProgress: terminal.progress,
    signal,
  });
  const effective = {
    threads,
    context,
    prefill: plan.prefill,
    depths: plan.depths.join(','),
    decode: plan.decode,
    repetitions: plan.repetitions,
    loads: plan.loads,
    vs: plan.vs ?? null,
    cache: 'full f16',
    sampling: 'greedy',
  };
  const record = createRunRecord({
    command: 'bench engine',
    settings: { requested: { ...effective, threads: options.threads ?? null, quick: options.quick === true }, effective },
    seeds: { tokens: 1 },
    models: { model: identity },
    dataset: null,
    environment,
    thermal: result.thermal,
    memory: { ...result.memory },
    samples: [...result.samples],
    verdicts: plan.vs === undefined ? [] : speedVerdicts(compareForwardPasses(result.samples, SUBJECT, plan.vs), plan.vs, WANTED_RATIO),
    notes: [
      'The engine samples greedily in every timed step; the peer is timed as llama-bench times it, without sampling.',
      'Both have an attached threadpool. Runtimes take turns; ratios are taken pair by pair.',
    ],
  });
  const report = engineReport(record, {
    subject: SUBJECT,
    peer: plan.vs ?? null,
    prefill: plan.prefill,
    bytesPerToken: bytesPerToken(file),
  });
  const saved = await saveRun(record, report, options.out);
  terminal.result(record, report.join('\n'));
  terminal.note(`the run is saved as ${saved}`);
}

/** Every matrix is read once a token; of the token embeddings only one row is, unless they are the head, too. */
function bytesPerToken({ tensors }: GgufFile): number {
  const tied = !tensors.some(({ name }) => name === 'output.weight');
  return tensors.filter(({ name }) => tied || name !== 'token_embd.weight').reduce((sum, { bytes }) => sum + bytes, 0);
}

function peerName(name: string): ForwardRuntime {
  const peer = FORWARD_RUNTIMES.find((known) => known === name && known !== SUBJECT);
  if (peer === undefined) throw new InvalidArgumentError(`There is no peer called ${name}.`);
  return peer;
}

function depthList(text: string): number[] {
  return text.split(',').map(wholeNumber(0, 1_048_576));
}
