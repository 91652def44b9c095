import { readFile, stat } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { configFromEnvironment, parseConfig, type ConfigName, type TtftConfig } from '../../bench/scenarios/ttft/parse-config.js';
import { ttftCsv, ttftCsvName } from '../../bench/scenarios/ttft/ttft-csv.js';
import { ttftSettings, type TtftSettings } from '../../bench/scenarios/ttft/ttft-settings.js';
import { ttftTable } from '../../bench/scenarios/ttft/ttft-table.js';
import type { PromptSet, RunnerName, TtftAttempt, TtftEvent } from '../../bench/scenarios/ttft/ttft-scenario.js';
import { EdgeVlmError } from '../../core/errors.js';
import { redact } from '../../core/redact.js';
import { createRunRecord } from '../../core/run-record.js';
import { DEVICES, QUANTIZATIONS, RUNTIME_NAMES, type Device, type Quantization, type RuntimeName } from '../../core/runtime.js';
import { writeFileAtomically } from '../../core/write-file-atomically.js';
import { wholeNumber } from '../options/number-parser.js';
import { addRunLogOptions, type RunLogOptions } from '../options/mlflow-options.js';
import { addOutputOptions, type OutputOptions } from '../options/output-options.js';
import { RunLog } from '../run-log.js';
import { saveRun } from '../save-run.js';
import type { Session } from '../session.js';
import type { Terminal } from '../terminal.js';
import { compareTtft } from './ttft-comparison.js';
import { explainServerFailure } from './explain-server-failure.js';
import { TtftLog } from './ttft-log.js';
import { readPromptSets, resolveBaseline, TTFT_DEFAULTS, type TtftRequest } from './ttft-request.js';

/** Options with the meaning, and in the messages the name, of one of the configuration's settings. */
const CONFIG_OPTIONS = {
  baselineModel: 'BASELINE_MODEL_NAME',
  apiBaseUrl: 'LLAMACPP_API_BASE_URL',
  modelAlias: 'LLAMACPP_MODEL_ALIAS',
  shortPrompts: 'SHORT_PROMPTS_FILE',
  longPrompts: 'LONG_PROMPTS_FILE',
  maxNewTokens: 'MAX_NEW_TOKENS_FOR_TTFT',
} as const satisfies Record<string, ConfigName>;

interface BenchTtftOptions extends OutputOptions, RunLogOptions, Partial<Record<keyof typeof CONFIG_OPTIONS, string>> {
  readonly config?: string;
  readonly baselineRuntime?: RuntimeName;
  readonly device: Device;
  readonly quantization: Quantization;
  readonly precision?: string;
  readonly threads?: number;
  readonly context?: number;
  readonly allowRemoteCode?: true;
  readonly repetitions: number;
  readonly warmup: number;
  readonly reuse?: true;
  readonly timeout: number;
  readonly out?: string;
}

/** Six short lines. */
const MAX_CONFIG_BYTES = 1024 * 1024;

/** `edgevlm bench ttft`: time to first token of a local model and of a server with an OpenAI-compatible API, prompt by prompt. */
export function benchTtft(bench: Command, session: Session): void {
  const command = bench
    .command('ttft')
    .description('Compare the time to first token of a local model with that of a server, for short and for long prompts.')
    .option('--config <file>', 'settings by their names below: KEY=VALUE or KEY = "value" a line')
    .option(
      '--baseline-model <name|path>',
      'BASELINE_MODEL_NAME: a checkpoint folder, a GGUF file, a name such as shapes, or one of the hub',
    )
    .option('--api-base-url <url>', 'LLAMACPP_API_BASE_URL: where /v1/completions lies; default: http://localhost:8000')
    .option('--model-alias <name>', 'LLAMACPP_MODEL_ALIAS: what the server calls its model; default: None, which leaves it out')
    .option('--short-prompts <file>', 'SHORT_PROMPTS_FILE: one prompt a line; default: data/short_prompts.txt, here or as shipped')
    .option('--long-prompts <file>', 'LONG_PROMPTS_FILE: the same for long prompts')
    .option('--max-new-tokens <n>', 'MAX_NEW_TOKENS_FOR_TTFT: new tokens for each prompt; default: 10')
    .addOption(
      new Option('--baseline-runtime <name>', 'what runs the baseline; default: what its files are for').choices([...RUNTIME_NAMES]),
    )
    .addOption(new Option('--device <name>', 'what the baseline computes on').choices([...DEVICES]).default(TTFT_DEFAULTS.device))
    .addOption(
      new Option('--quantization <kind>', 'how far its weights are reduced')
        .choices([...QUANTIZATIONS])
        .default(TTFT_DEFAULTS.quantization),
    )
    .option('--precision <name>', "a precision by the name of the baseline's runtime, such as q8 or bf16")
    .option('--threads <n>', "threads the baseline computes with; default: the runtime's own", wholeNumber(1, 512))
    .option('--context <tokens>', 'tokens the baseline keeps', wholeNumber(1, 16_777_216))
    .option('--allow-remote-code', "run code that lies beside the baseline's weights")
    .option('--repetitions <n>', 'how often each prompt is put to both', wholeNumber(1, 1000), TTFT_DEFAULTS.repetitions)
    .option('--warmup <n>', 'answers of each before the first that counts', wholeNumber(0, 100), TTFT_DEFAULTS.warmup)
    .option('--reuse', 'let caches of earlier prompts help; default: every answer is cold')
    .option('--timeout <s>', 'for one answer', wholeNumber(1, 86_400), TTFT_DEFAULTS.timeout_ms / 1000)
    .option('--out <file>', 'also write the run record here; a Markdown report is written beside it');
  addOutputOptions(addRunLogOptions(command)).action((options: BenchTtftOptions) => run(options, session));
}

async function run(options: BenchTtftOptions, session: Session): Promise<void> {
  const { terminal, signal } = session;
  const request = await requestOf(options);
  const { settings } = request;
  const sets = await readPromptSets(settings);
  const baseline = await resolveBaseline(request, signal);
  const runLog = await RunLog.open(options, session);
  const log = new TtftLog(settings, request.repetitions);
  const tell = (lines: readonly string[]): void => {
    if (options.quiet !== true && !terminal.json) terminal.write(lines.map((line) => `${redact(line)}\n`).join(''));
  };
  if (baseline.why !== null) terminal.note(`the baseline runs on ${baseline.runtime}: ${baseline.why}`);
  tell(log.head());
  const failures = new FailureReport(terminal, settings);
  const { result, rows, ratios, measurement } = await compareTtft({
    request,
    baseline,
    sets,
    onEvent: (event) => {
      tell(log.lines(event));
      failures.note(event);
    },
    onProgress: terminal.progress,
    signal,
  });

  const csv = await writeCsv(sets, result.attempts);
  const record = createRunRecord(measurement);
  const table = ttftTable(rows, ratios);
  // The record has more: percentiles, outliers, and drift of every list, where prompts that differ drift, too.
  const verdicts = record.verdicts
    .filter(({ name }) => !/^(percentile|outliers):|^drift:(?!.*ttft_relative)/.test(name))
    .map(({ name, outcome, detail }) => `${outcome}: ${name}: ${detail}`);
  const saved = await saveRun(record, ['```', ...table, '```', '', ...verdicts, ...record.notes], options.out);
  terminal.result(
    { run: record.id, csv, partial: result.partial, rows, ratios, verdicts: record.verdicts, notes: record.notes },
    ['', ...table, '', ...verdicts].join('\n'),
  );
  terminal.note(`details of each answer are in ${csv}`);
  terminal.note(`the run is saved as ${saved}`);
  await runLog.log(record, { status: result.partial ? 'KILLED' : 'FINISHED' });
  if (result.partial) throw new EdgeVlmError('CANCELLED', `stopped after ${result.attempts.length} answers`);
}

async function requestOf(options: BenchTtftOptions): Promise<TtftRequest> {
  const file: TtftConfig = options.config === undefined ? {} : parseConfig(await readConfig(options.config), options.config);
  const settings = ttftSettings([fromOptions(options), configFromEnvironment(process.env), file]);
  const { baselineRuntime, device, quantization, precision, threads, context, repetitions, warmup } = options;
  return {
    settings,
    device,
    quantization,
    ...(baselineRuntime !== undefined && { baselineRuntime }),
    ...(precision !== undefined && { precision }),
    ...(threads !== undefined && { threads }),
    ...(context !== undefined && { context }),
    allowRemoteCode: options.allowRemoteCode ?? false,
    repetitions,
    warmup,
    reuse: options.reuse ?? false,
    timeout_ms: options.timeout * 1000,
  };
}

function fromOptions(options: BenchTtftOptions): TtftConfig {
  return Object.fromEntries(
    Object.entries(CONFIG_OPTIONS).flatMap(([option, name]) => {
      const value = options[option as keyof typeof CONFIG_OPTIONS];
      const flag = `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
      return value === undefined ? [] : [[name, { value: value === 'None' ? null : value, source: flag }]];
    }),
  );
}

async function readConfig(file: string): Promise<string> {
  try {
    const { size } = await stat(file);
    if (size > MAX_CONFIG_BYTES)
      throw new EdgeVlmError('FILE_UNREADABLE', `${file} has over ${MAX_CONFIG_BYTES} bytes: it is no configuration`);
    return await readFile(file, 'utf8');
  } catch (thrown) {
    if (thrown instanceof EdgeVlmError) throw thrown;
    throw new EdgeVlmError('FILE_NOT_FOUND', `the configuration ${file} cannot be read`, { cause: thrown });
  }
}

/** Writes the CSV file into the working directory, beside those of other runs. @returns its name @throws FILE_UNWRITABLE */
async function writeCsv(sets: readonly PromptSet[], attempts: readonly TtftAttempt[]): Promise<string> {
  for (let time = Date.now(); ; time += 1000) {
    const name = ttftCsvName(new Date(time));
    // Two runs may end in the same second.
    if ((await stat(name).catch(() => undefined)) !== undefined) continue;
    await writeFileAtomically(name, (write) => write(new TextEncoder().encode(ttftCsv(sets, attempts))));
    return name;
  }
}

/** Explains each kind of failure once: a server that is away fails for every prompt. */
class FailureReport {
  readonly #told = new Set<string>();

  constructor(
    private readonly terminal: Terminal,
    private readonly settings: TtftSettings,
  ) {}

  note(event: TtftEvent): void {
    if (event.type === 'unopened') this.#tell(event.runner, event.error);
    if (event.type === 'attempted' && event.attempt.outcome instanceof EdgeVlmError)
      this.#tell(event.attempt.runner, event.attempt.outcome);
  }

  #tell(runner: RunnerName, error: EdgeVlmError): void {
    const key = `${runner} ${error.code} ${error.message}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.terminal.itemError({ runner }, runner === 'llamacpp' ? explainServerFailure(error, this.settings) : error);
  }
}
