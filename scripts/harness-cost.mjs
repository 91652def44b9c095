// `npm run build && node scripts/harness-cost.mjs [--samples N] [--rounds N] [--json]`: what the harness itself costs, beside the null
// runtime: time per sample, memory, and how late scheduled starts are. Ends with 1 where a goal is missed. Use a machine that is idle.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const GOALS = { ms_per_sample: 0.1, memory_mib: 30, start_p99_ms: 1 };
const TOKENS = 32;
/** The null runtime does not look at it. */
const PICTURE = new Uint8Array(20_000);
/** Starts a second, and for how long. */
const LOAD = { rate: 100, seconds: 10 };

const { values } = parseArgs({
  options: {
    samples: { type: 'string', default: '2000' },
    rounds: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
    dist: { type: 'string', default: fileURLToPath(new URL('../dist', import.meta.url)) },
    child: { type: 'string' },
  },
});
const samples = Number(values.samples);
const load = (module) => import(new URL(module, `file://${values.dist}/`).href);
const CHILDREN = { bare, harness, starts };

if (values.child === undefined) await compare();
else console.log(JSON.stringify(await CHILDREN[values.child]()));

/** The null runtime answers about each picture, and nothing else. */
async function bare() {
  const { nullRuntime } = await load('runtimes/null/null-runtime.js');
  const { generator } = await nullRuntime.open();
  const answer = async () => {
    const content = [{ type: 'picture', bytes: await picture() }];
    const request = { input: { messages: [{ role: 'user', content }] }, maxTokens: TOKENS, sampling: { temperature: 0 } };
    for await (const event of generator.generate(request)) if (event.type === 'done') return;
  };
  await answer();
  const begin = performance.now();
  for (let i = 0; i < samples; i++) await answer();
  return { ms_per_sample: (performance.now() - begin) / samples, memory_mib: peakMemory() };
}

/** From memory: neither the disk nor the bytes of a picture are the harness. */
function picture() {
  return Promise.resolve(PICTURE);
}

/** The same by the scenario of `edgevlm bench vlm`, with its probes, up to its record. */
async function harness() {
  const [{ nullRuntime }, { runVlmScenario }, { vlmMeasurement }, { createRunRecord }, { describeEnvironment }] = await Promise.all([
    load('runtimes/null/null-runtime.js'),
    load('bench/scenarios/vlm/vlm-scenario.js'),
    load('bench/scenarios/vlm/vlm-measurement.js'),
    load('core/run-record.js'),
    load('bench/probes/environment.js'),
  ]);
  const environment = await describeEnvironment();
  const pictures = Array.from({ length: samples }, (_, index) => ({ index, read: picture, truth: null }));
  const common = {
    pictures,
    warmup: pictures.slice(0, 1),
    prompt: 'Describe the picture.',
    maxTokens: TOKENS,
    readsDevice: false,
    signal: new globalThis.AbortController().signal,
  };
  const result = await runVlmScenario({ ...common, open: () => nullRuntime.open() });
  const [begin, measured_mib] = [performance.now(), peakMemory()];
  const settings = {
    ...{ model_name: 'null', device: 'cpu', quantization: 'none', num_samples: samples, image_dir: 'pictures', runtime: 'null' },
    ...{ precision: null, warmup: 1, prompt: common.prompt, maxTokens: TOKENS, batch: 1, threads: null, context: null },
  };
  const measurement = vlmMeasurement(result, {
    ...{ requested: {}, settings, environment, models: {}, datasetSha256: '0'.repeat(64), unreadable: [] },
    ...{ vocabulary: { shapes: [], colours: [], sizes: [], positions: [] }, answerKey: new Uint8Array(32), seed: 0 },
  });
  const { generator } = createRunRecord(measurement);
  return {
    ms_per_sample: result.wall_ms / samples,
    record_ms: performance.now() - begin,
    sampling_share: result.resources.use.sampling.share,
    measured_mib,
    event_loop_p99_ms: generator.eventLoopDelay_ms.p99,
    memory_mib: peakMemory(),
  };
}

/** How late starts are that were to be evenly spread, each with an answer of the null runtime. */
async function starts() {
  const [{ nullRuntime }, { startOnTime }, { GeneratorWatch }] = await Promise.all([
    load('runtimes/null/null-runtime.js'),
    load('bench/load/start-on-time.js'),
    load('bench/load/generator-watch.js'),
  ]);
  const { generator } = await nullRuntime.open();
  const answers = [];
  const answer = async () => {
    const request = { input: { prompt: 'x' }, maxTokens: TOKENS, sampling: { temperature: 0 } };
    for await (const event of generator.generate(request)) if (event.type === 'done') return;
  };
  await answer();
  const begin = performance.now() + 100;
  const times = Array.from({ length: LOAD.rate * LOAD.seconds }, (_, at) => begin + (1000 * at) / LOAD.rate);
  const watch = new GeneratorWatch();
  for await (const index of startOnTime(times)) {
    watch.started(times[index]);
    answers.push(answer());
  }
  await Promise.all(answers);
  const { startDelay_ms, cpuShare } = watch.stop();
  return { ...startDelay_ms, starts: times.length, cpuShare };
}

/** Of this process, MiB. */
function peakMemory() {
  return process.resourceUsage().maxRSS / 1024;
}

/** Takes turns, so that what slows the machine slows both; each measurement is a process of its own. */
async function compare() {
  if (!existsSync(join(values.dist, 'cli/main.js'))) throw new Error('there is no dist/: run `npm run build` first');
  // As a plan's cells run; the bare runtime gets the same.
  const { CELL_EXEC_ARGV } = await load('bench/plans/cell-exec-argv.js');
  const rounds = Array.from({ length: Number(values.rounds) }, (_, round) => {
    const order = round % 2 === 0 ? ['bare', 'harness'] : ['harness', 'bare'];
    return Object.fromEntries([...order, 'starts'].map((child) => [child, measure(child, CELL_EXEC_ARGV)]));
  });
  const differences = (name) => rounds.map((round) => round.harness[name] - round.bare[name]);
  const figures = {
    ms_per_sample: differences('ms_per_sample'),
    memory_mib: differences('memory_mib'),
    start_p99_ms: rounds.map(({ starts: { p99 } }) => p99),
  };
  const judged = Object.entries(figures).map(([name, unsorted]) => {
    const sorted = unsorted.toSorted((a, b) => a - b);
    const median = sorted[Math.floor(sorted.length / 2)];
    return { name, median, lowest: sorted[0], highest: sorted.at(-1), goal: GOALS[name], isMet: median <= GOALS[name] };
  });
  if (values.json) console.log(JSON.stringify({ samples, rounds, judged }));
  else {
    console.log(`${samples} samples, ${rounds.length} rounds; medians, with the lowest and the highest`);
    for (const { name, goal, isMet, ...figure } of judged) {
      const [median, lowest, highest] = [figure.median, figure.lowest, figure.highest].map((value) => value.toFixed(3));
      console.log(`${name.padEnd(14)} ${median} (${lowest} to ${highest}), goal ${goal}: ${isMet ? 'met' : 'MISSED'}`);
    }
    for (const [name, figure] of Object.entries(rounds[0])) console.log(`first round, ${name}: ${JSON.stringify(figure)}`);
  }
  process.exitCode = judged.every(({ isMet }) => isMet) ? 0 : 1;
}

function measure(child, execArgv) {
  return JSON.parse(
    run([...execArgv, fileURLToPath(import.meta.url), '--child', child, '--samples', String(samples), '--dist', values.dist]),
  );
}

function run(args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`node ${args.join(' ')} ended with ${status}:\n${stderr}`);
  return stdout;
}
