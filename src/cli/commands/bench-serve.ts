import { type Command, InvalidArgumentError, Option } from 'commander';
import { serveReport } from '../../bench/scenarios/serve/serve-report.js';
import type { ServeLoad } from '../../bench/scenarios/serve/serve-target.js';
import { EdgeVlmError } from '../../core/errors.js';
import { createRunRecord } from '../../core/run-record.js';
import { measureServe } from '../bench-serve/measure-serve.js';
import { SERVE_DEFAULTS, SERVE_PEERS, type ServePeer, type ServeRequest } from '../bench-serve/serve-request.js';
import { addRunLogOptions, type RunLogOptions } from '../options/mlflow-options.js';
import { wholeNumber } from '../options/number-parser.js';
import { addOutputOptions, type OutputOptions } from '../options/output-options.js';
import { repeatable } from '../options/repeatable.js';
import { RunLog } from '../run-log.js';
import { saveRun } from '../save-run.js';
import type { Session } from '../session.js';
import { startEngine } from '../start-engine.js';

interface BenchServeOptions extends OutputOptions, RunLogOptions, Omit<ServeRequest, 'urls' | 'loads' | 'timeout_ms' | 'vs'> {
  readonly url: readonly string[];
  readonly vs?: ServePeer;
  readonly clients?: readonly number[];
  readonly rate?: readonly number[];
  readonly timeout: number;
  readonly out?: string;
}

const MOST_CLIENTS = 1024;

/** `edgevlm bench serve`: load on a server with an OpenAI-compatible API, or on two of them in turns. */
export function benchServe(bench: Command, session: Session): void {
  const command = bench
    .command('serve')
    .description('Measure a server with an OpenAI-compatible API under load, or compare two: answers per second, TTFT, second questions.')
    .addOption(repeatable('--url <url>', 'a server: http://host:8000; the second one is the peer of the first. EDGEVLM_API_KEY is the key'))
    .addOption(
      new Option('--vs <server>', 'start edgevlm serve and this one on the same files, threads and slots, and compare them').choices([
        ...SERVE_PEERS,
      ]),
    )
    .option('--model <name|file>', 'with --vs: what both serve; with --url: the model it serves, to run it in this process, too')
    .option('--mmproj <file>', 'its vision half; default: the one beside it')
    .option('--llama-server <path>', 'the program; default: EDGEVLM_LLAMA_SERVER, else the one on the PATH')
    .option(
      '--threads <n>',
      'threads of the servers of --vs, and in this process; default: one for each fast core, at most 8',
      wholeNumber(1, 512),
    )
    .option('--context <tokens>', 'tokens of each request, likewise; default: 4096', wholeNumber(1, 16_777_216))
    .option('--parallel <n>', 'requests that the servers of --vs run at once', wholeNumber(1, 64), SERVE_DEFAULTS.parallel)
    .option('--cache-ram <MB>', 'of the edgevlm serve of --vs; default: its own', wholeNumber(0, 1_000_000))
    .option(
      '--peer-cache-ram <MiB>',
      'of the llama-server of --vs: its memory for prompts that left their slot; 0: none; default: its own',
      wholeNumber(0, 1_000_000),
    )
    .option('--clients <list>', 'closed loops: clients that ask again when answered; default: 1,4,16, or none with --rate', clientList)
    .option('--rate <list>', 'open loops: requests per second on average, at times of their own (Poisson)', rateList)
    .option('--requests <n>', 'requests of each load, round and server', wholeNumber(1, 1_000_000), SERVE_DEFAULTS.requests)
    .option('--rounds <n>', 'how often all loads are offered', wholeNumber(1, 1000), SERVE_DEFAULTS.rounds)
    .option('--warmup <n>', 'requests to each server before the first that counts', wholeNumber(1, 1000), SERVE_DEFAULTS.warmup)
    .option('--max-tokens <n>', 'new tokens of an answer', wholeNumber(1, 65_536), SERVE_DEFAULTS.maxTokens)
    .option('--pictures <dir>', 'your own pictures, one for each request; default: scenes are drawn')
    .option('--side <pixels>', 'width and height of drawn scenes', wholeNumber(32, 4096), SERVE_DEFAULTS.side)
    .option('--seed <n>', 'of pictures, arrival times and intervals', wholeNumber(0, 0xffffffff), SERVE_DEFAULTS.seed)
    .option(
      '--second-questions <n>',
      'pictures that are asked about twice, in each of three ways; 0: none',
      wholeNumber(0, 10_000),
      SERVE_DEFAULTS.secondQuestions,
    )
    .option('--evict-with <n>', 'pictures that take the slots between two questions', wholeNumber(0, 10_000), SERVE_DEFAULTS.evictWith)
    .option('--stall-pictures <n>', 'pictures that come while a stream runs; 0: none', wholeNumber(0, 10_000), SERVE_DEFAULTS.stallPictures)
    .option(
      '--stall-tokens <n>',
      'new tokens of that stream: it must last longer than they',
      wholeNumber(2, 65_536),
      SERVE_DEFAULTS.stallTokens,
    )
    .option(
      '--overhead-pictures <n>',
      'with --model: pictures put to the server and to the model in this process; 0: none',
      wholeNumber(0, 10_000),
      SERVE_DEFAULTS.overheadPictures,
    )
    .option('--timeout <s>', 'for one answer', wholeNumber(1, 86_400), SERVE_DEFAULTS.timeout_ms / 1000)
    .option('--out <file>', 'also write the run record here; a Markdown report is written beside it');
  addOutputOptions(addRunLogOptions(command)).action((options: BenchServeOptions) => run(options, session));
}

async function run(options: BenchServeOptions, session: Session): Promise<void> {
  const { terminal, signal } = session;
  const { url: urls, timeout, model, mmproj, threads, context } = options;
  const request: ServeRequest = { ...options, urls, loads: loadsOf(options), timeout_ms: 1000 * timeout };
  const log = await RunLog.open(options, session);
  const { result, figures, measurement } = await measureServe(request, {
    onProgress: terminal.progress,
    ...(model !== undefined && {
      openInProcess: () =>
        startEngine(
          {
            model,
            ...(mmproj !== undefined && { mmproj }),
            ...(threads !== undefined && { threads }),
            ...(context !== undefined && { context }),
          },
          session,
          { vision: true },
        ),
    }),
    signal,
  });
  const record = createRunRecord(measurement);
  const report = serveReport(figures, record);
  const saved = await saveRun(record, report, options.out);
  const { verdicts, notes } = record;
  terminal.result({ run: record.id, partial: result.partial, ...figures, verdicts, notes }, report.join('\n'));
  terminal.note(`the run is saved as ${saved}`);
  await log.log(record, { status: result.partial ? 'KILLED' : 'FINISHED' });
  if (result.partial) throw new EdgeVlmError('CANCELLED', `stopped after ${result.blocks.length} loads`);
}

function loadsOf({ clients, rate }: BenchServeOptions): readonly ServeLoad[] {
  const closed = clients?.map((count): ServeLoad => ({ kind: 'clients', clients: count }));
  const open = rate?.map((perSecond): ServeLoad => ({ kind: 'rate', rate: perSecond }));
  return closed === undefined && open === undefined ? SERVE_DEFAULTS.loads : [...(closed ?? []), ...(open ?? [])];
}

function clientList(text: string): number[] {
  return numbers(
    text,
    (value) => Number.isInteger(value) && value >= 1 && value <= MOST_CLIENTS,
    `whole numbers from 1 to ${MOST_CLIENTS}`,
  );
}

function rateList(text: string): number[] {
  return numbers(text, (value) => value > 0 && value <= 10_000, 'numbers above 0, at most 10000');
}

function numbers(text: string, fits: (value: number) => boolean, kind: string): number[] {
  const values = text.split(',').map((word) => (/^\s*\d+(\.\d+)?\s*$/.test(word) ? Number(word) : NaN));
  if (values.every(fits) && new Set(values).size === values.length) return values;
  throw new InvalidArgumentError(`Expected ${kind}, separated by commas, each once.`);
}
