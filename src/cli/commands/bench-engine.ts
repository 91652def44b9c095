import path from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { describeEnvironment } from '../../bench/probes/environment.js';
import { judgeLogitParity } from '../../bench/quality/logit-parity.js';
import { compareForwardPasses, speedVerdicts } from '../../bench/scenarios/engine/compare-forward-passes.js';
import { engineFigures } from '../../bench/scenarios/engine/engine-figures.js';
import { engineReport } from '../../bench/scenarios/engine/engine-report.js';
import { runEngineScenario } from '../../bench/scenarios/engine/engine-scenario.js';
import { findModel } from '../../catalogue/find-model.js';
import { EdgeVlmError } from '../../core/errors.js';
import type { ForwardPass } from '../../core/forward-pass.js';
import { createRunRecord } from '../../core/run-record.js';
import { defaultThreads } from '../../engine/default-threads.js';
import { readGguf, type GgufFile } from '../../formats/gguf/read-gguf.js';
import { EngineForwardPass } from '../../runtimes/engine/engine-forward-pass.js';
import { FORWARD_PEERS, startForwardPeer, type ForwardPeer } from '../../runtimes/forward-passes.js';
import { LlamaBenchForwardPass } from '../../runtimes/llama-cpp/llama-bench-forward-pass.js';
import { MtmdEncoder } from '../../runtimes/llama-cpp/mtmd-encoder.js';
import { identifyModel } from '../identify-model.js';
import { addComputeOptions, computeOptions, type ComputeOptions } from '../options/compute-options.js';
import { wholeNumber } from '../options/number-parser.js';
import { addRunLogOptions, type RunLogOptions } from '../options/mlflow-options.js';
import { addOutputOptions } from '../options/output-options.js';
import { RunLog } from '../run-log.js';
import { saveRun } from '../save-run.js';
import type { Session } from '../session.js';
import { addAblationOptions, refuseWithoutAblate, type AblationFlags } from './ablation-options.js';
import { benchAblation } from './bench-ablation.js';

interface BenchEngineOptions extends AblationFlags, ComputeOptions, RunLogOptions {
  readonly model: string;
  readonly mmproj?: string;
  readonly vs?: ForwardPeer;
  readonly llamaBench?: string;
  readonly mtmd?: string;
  readonly prefill: number;
  readonly depths: readonly number[];
  readonly decode: number;
  readonly repetitions: number;
  readonly loads: number;
  readonly quick?: true;
  readonly out?: string;
}

const SUBJECT = 'engine';
/** What the engine has to reach beside its peers. */
const WANTED_RATIO = 0.95;
/** Where `decode.ratio_median` is taken; the deepest depth where it is not measured. */
const JUDGED_DEPTH = 256;
/** Tokens after which logits are compared with a peer's. */
const PARITY_TOKENS = 64;
/** `--quick`: enough for a first impression in some ten seconds on a small model. */
const QUICK = { depths: [0, 256], decode: 16, repetitions: 5, loads: 1 } as const;

/** `edgevlm bench engine`: prefill, decode at several depths, host time, load and memory, beside peers and the machine's limit. */
export function benchEngine(bench: Command, session: Session): void {
  const command = bench
    .command('engine')
    .description("Time the engine's forward pass, beside peers and the limit of the machine.")
    .option('--model <name|file>', 'a GGUF file, or a name such as shapes or shapes:q8_0', 'shapes')
    .option('--mmproj <file>', 'the vision half, to time the encoding of pictures, too')
    .option('--vs <runtime>', `a peer in this package to take turns with: ${FORWARD_PEERS.join(', ')}`, peerName)
    .option('--llama-bench <program>', "llama.cpp's llama-bench as a peer, with flash attention and without")
    .option('--mtmd <program>', "llama.cpp's llama-mtmd-cli as a peer for pictures; needs --mmproj")
    .option('--prefill <n>', 'tokens of the timed prefill', wholeNumber(1, 65_536), 256)
    .option('--depths <list>', 'tokens in the cache when decoding is timed', depthList, [0, 256, 1024])
    .option('--decode <n>', 'tokens decoded in each repetition', wholeNumber(1, 65_536), 32)
    .option('--repetitions <n>', 'pairs of measurements', wholeNumber(1, 1000), 5)
    .option('--loads <n>', 'how often each runtime is loaded', wholeNumber(1, 100), 3)
    .option('--quick', 'fewer depths, tokens and loads')
    .option('--out <file>', 'also write the run record here; a Markdown report is written beside it');
  addOutputOptions(addRunLogOptions(addComputeOptions(addAblationOptions(command)))).action(async (options: BenchEngineOptions) => {
    if (options.ablate === true) return benchAblation(options, session);
    refuseWithoutAblate(options);
    await run(options, session);
  });
}

async function run(options: BenchEngineOptions, session: Session): Promise<void> {
  const { terminal, signal } = session;
  const log = await RunLog.open(options, session);
  const { mmproj } = options;
  if (options.mtmd !== undefined && mmproj === undefined) throw new EdgeVlmError('USAGE', '--mtmd needs --mmproj');
  const { model } = await findModel({ model: options.model, vision: false });
  const file = await readGguf(model);
  const vision = mmproj === undefined ? null : await readGguf(mmproj);
  const threads = options.threads ?? defaultThreads();
  const plan = options.quick === true ? { ...options, ...QUICK } : options;
  const batchDepth = plan.depths.includes(JUDGED_DEPTH) ? JUDGED_DEPTH : Math.max(...plan.depths);
  const context = Math.max(plan.prefill, ...plan.depths) + plan.decode;
  const parityTokens = Math.min(PARITY_TOKENS, context);
  const { vs, llamaBench, mtmd } = options;
  const imageSize = vision?.metadata.count('clip.vision.image_size') ?? 0;

  const environment = await describeEnvironment();
  // Hashing reads the whole file, so that no runtime's first load is the one that waits for the disk.
  const models = {
    model: await identifyModel(file, signal),
    ...(vision !== null && { mmproj: await identifyModel(vision, signal) }),
  };
  const outside = { model, threads, signal };
  const peers: (() => Promise<ForwardPass>)[] = [
    ...(vs === undefined ? [] : [() => startForwardPeer(vs, { model, threads, context })]),
    ...(llamaBench === undefined ? [] : [false, true]).map(
      (flashAttention) => () =>
        Promise.resolve(new LlamaBenchForwardPass({ binary: path.resolve(llamaBench ?? ''), flashAttention, ...outside })),
    ),
  ];
  const computing: { device: string | null } = { device: null };
  const result = await runEngineScenario({
    subject: async () => {
      const pass = await EngineForwardPass.open({ model, context, ...(mmproj && { mmproj }), ...computeOptions(options), threads });
      computing.device = pass.device;
      return pass;
    },
    peers,
    encoderPeers:
      mmproj === undefined
        ? null
        : mtmd === undefined
          ? []
          : [new MtmdEncoder({ binary: path.resolve(mtmd), mmproj, imageSize, ...outside })],
    threads,
    prefill: plan.prefill,
    depths: plan.depths,
    decode: plan.decode,
    batchDepth,
    repetitions: plan.repetitions,
    loads: plan.loads,
    parityTokens,
    onProgress: terminal.progress,
    signal,
  });
  const effective = {
    threads,
    device: options.device ?? 'cpu',
    poll: options.poll ?? null,
    cpus: options.cpuMask?.join(',') ?? null,
    mmap: options.mmap ?? 'auto',
    context,
    prefill: plan.prefill,
    depths: plan.depths.join(','),
    decode: plan.decode,
    batchDepth,
    repetitions: plan.repetitions,
    loads: plan.loads,
    vs: vs ?? null,
    llamaBench: llamaBench !== undefined,
    mtmd: mtmd !== undefined,
    cache: 'full f16',
    sampling: 'greedy',
  };
  const peerNames = [...new Set(result.samples.map(({ name }) => name.split('/')[0] ?? ''))].filter(
    (name) => name !== SUBJECT && name !== 'machine',
  );
  const parities = Object.entries(result.parity).map(([peer, parity]) =>
    judgeLogitParity(parity, { along: `${parity.tokens} pseudo-random tokens beside ${peer}`, sameWeights: true }),
  );
  const scores = parities.flatMap((parity) => parity.scores);
  const record = createRunRecord({
    command: 'bench engine',
    settings: { requested: { ...effective, threads: options.threads ?? null, quick: options.quick === true }, effective },
    seeds: { tokens: 1 },
    models,
    dataset: null,
    environment: { ...environment, ...(computing.device !== null && { device: computing.device }) },
    thermal: { ...result.thermal, during: [...result.watched.resources.thermal] },
    memory: { ...result.memory },
    resources: result.watched.resources.use,
    generator: result.watched.audit,
    samples: [...result.samples],
    ...(scores.length > 0 && { scores }),
    verdicts: [
      ...peerNames.flatMap((peer) => speedVerdicts(compareForwardPasses(result.samples, SUBJECT, peer), peer, WANTED_RATIO)),
      ...parities.flatMap(({ verdicts }) => verdicts),
    ],
    notes: [
      'The engine samples greedily in every timed step; peers are timed as llama-bench times, without sampling.',
      'The engine and libllama have an attached threadpool each. Runtimes take turns; ratios are taken pair by pair.',
    ],
  });
  const figures = {
    subject: SUBJECT,
    peers: peerNames,
    prefill: plan.prefill,
    depth: batchDepth,
    bytesPerToken: bytesPerToken(file),
  };
  const report = engineReport(record, figures);
  const saved = await saveRun(record, report, options.out);
  terminal.result({ run: record.id, ...engineFigures(record, figures), verdicts: record.verdicts }, report.join('\n'));
  terminal.note(`the run is saved as ${saved}`);
  await log.log(record);
}

/** Every matrix is read once a token; of the token embeddings only one row is, unless they are the head, too. */
function bytesPerToken({ tensors }: GgufFile): number {
  const tied = !tensors.some(({ name }) => name === 'output.weight');
  return tensors.filter(({ name }) => tied || name !== 'token_embd.weight').reduce((sum, { bytes }) => sum + bytes, 0);
}

function peerName(name: string): ForwardPeer {
  const peer = FORWARD_PEERS.find((known) => known === name);
  if (peer === undefined) throw new InvalidArgumentError(`There is no peer called ${name}.`);
  return peer;
}

function depthList(text: string): number[] {
  return text.split(',').map(wholeNumber(0, 1_048_576));
}
