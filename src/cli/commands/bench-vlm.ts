import type { Command } from 'commander';
import { vlmReport } from '../../bench/scenarios/vlm/vlm-report.js';
import { vlmResults } from '../../bench/scenarios/vlm/vlm-results.js';
import { EdgeVlmError } from '../../core/errors.js';
import { createRunRecord } from '../../core/run-record.js';
import { DEVICES, QUANTIZATIONS, RUNTIME_NAMES } from '../../core/runtime.js';
import { measureVlm } from '../cells/measure-vlm.js';
import { VLM_DEFAULTS } from '../cells/vlm-defaults.js';
import type { VlmCellSettings } from '../cells/vlm-cell-settings.js';
import { listOf } from '../options/list-of.js';
import { addRunLogOptions } from '../options/mlflow-options.js';
import { wholeNumber } from '../options/number-parser.js';
import { addOutputOptions } from '../options/output-options.js';
import { RunLog } from '../run-log.js';
import { saveRun } from '../save-run.js';
import type { Session } from '../session.js';
import { benchVlmMatrix, benchVlmPlan } from './bench-vlm-matrix.js';
import { cellSettings, type BenchVlmOptions } from './vlm-options.js';
import { writeResults } from './write-results.js';

/** `edgevlm bench vlm`: how fast a vision-language model answers about the pictures of a folder, and what that takes. */
export function benchVlm(bench: Command, session: Session): void {
  const command = bench
    .command('vlm')
    .description(
      'Measure a vision-language model on the pictures of a folder: load time, latency, tokens per second, memory, power, quality.',
    )
    .option('--model <name|path>', 'moondream2, qwen2.5-vl-3b, mobilevlm-v2, smolvlm-256m, shapes, …, or a file or folder', 'shapes')
    .option('--mmproj <file>', 'the vision half; default: the one beside the model')
    .option('--device <name>', `${DEVICES.join(', ')}; default: cpu`, listOf(DEVICES))
    .option('--quantization <kind>', `${QUANTIZATIONS.join(', ')}; default: none`, listOf(QUANTIZATIONS))
    .option('--precision <name>', "a precision by the runtime's own name, such as q8 or bf16, in place of --quantization")
    .option('--runtime <name>', `${RUNTIME_NAMES.join(', ')}; default: what runs the model best`, listOf(RUNTIME_NAMES))
    .option('--samples <n>', 'how many pictures', wholeNumber(1, 1_000_000), VLM_DEFAULTS.samples)
    .option('--image-dir <dir>', 'the pictures; a truths.jsonl beside them has the answers scored')
    .option('--warmup <n>', 'pictures answered before the first that counts', wholeNumber(0, 1000), VLM_DEFAULTS.warmup)
    .option('--prompt <text>', 'what is asked about each picture', VLM_DEFAULTS.prompt)
    .option('--max-tokens <n>', 'new tokens at most', wholeNumber(1, 1_000_000), VLM_DEFAULTS.max_tokens)
    .option('--batch <n>', 'pictures that are being answered at any time', wholeNumber(1, 256), VLM_DEFAULTS.batch)
    .option('--threads <n>', "threads to compute with; default: the runtime's own", wholeNumber(1, 512))
    .option('--context <tokens>', 'tokens to keep; a batch shares them', wholeNumber(1, 16_777_216))
    .option('--url <url>', 'the server, for --runtime openai-http')
    .option('--llama-server <path>', 'the program, for --runtime llama-server')
    .option('--allow-remote-code', 'run code that lies beside the weights')
    .option('--keep-answers', 'write names of pictures and answers into the results file')
    .option('--matrix', 'measure every combination of models, runtimes, devices and quantizations, each a list or all there is')
    .option('--cpu-samples <n>', 'with --matrix: pictures on the processor; default: half of --samples', wholeNumber(1, 1_000_000))
    .option('--logit-pictures <n>', 'with --matrix: pictures on which logits are compared; 0: none; default: 4', wholeNumber(0, 1000))
    .option('--plan <file>', 'measure the cells of a plan (YAML) in place of a matrix')
    .option('--again', 'with --matrix and --plan: measure finished cells again, too')
    .option(
      '--results <file>',
      'where params, metrics and a line for each picture go; older ones are replaced',
      'benchmarks/benchmark_results.json',
    )
    .option('--out <file>', 'also write the run record here; a Markdown report is written beside it');
  addOutputOptions(addRunLogOptions(command)).action(async (options: BenchVlmOptions) => {
    if (options.plan !== undefined) await benchVlmPlan(options.plan, options, session);
    else if (options.matrix === true) await benchVlmMatrix(withFolder(options), session);
    else await run(cellSettings(withFolder(options)), options, session);
  });
}

function withFolder(options: BenchVlmOptions): BenchVlmOptions & { readonly imageDir: string } {
  const { imageDir } = options;
  if (imageDir !== undefined) return { ...options, imageDir };
  throw new EdgeVlmError('USAGE', '--image-dir is missing: it names the folder with the pictures', {
    hint: 'Without pictures of your own: edgevlm data dummy --output-dir data/test_images --count 10',
  });
}

async function run(settings: VlmCellSettings, options: BenchVlmOptions, session: Session): Promise<void> {
  const { terminal, signal } = session;
  const log = await RunLog.open(options, session);
  const { samples = VLM_DEFAULTS.samples } = settings;
  const measured = await measureVlm(settings, {
    onProgress: (event) => {
      terminal.progress(event);
      if (event.type === 'advance' && event.unit === 'images') terminal.logger.debug('pictures finished', { done: event.done });
    },
    onRuntime: ({ runtime, why }) => {
      if (settings.runtime === undefined) terminal.note(`the model runs on ${runtime}: ${why}`);
    },
    onFailure: ({ status, error }, name) => {
      terminal.warning(`${name} is ${status === 'skipped' ? 'skipped' : 'not answered'}: ${error.code}: ${error.message}`);
    },
    signal,
  });
  const { measurement, result, unreadable, nameOf, pictures } = measured;
  if (pictures < samples) terminal.warning(`there are ${pictures} pictures that can be read, fewer than ${samples}`);
  const partial = result.pictures.length < pictures;
  const record = createRunRecord({
    ...measurement,
    notes: [...(partial ? [`Stopped after ${result.pictures.length} of ${pictures} pictures.`] : []), ...measurement.notes],
  });
  const report = vlmReport(record);
  const saved = await saveRun(record, report, options.out);
  const results = vlmResults(record, result, { unreadable, ...(options.keepAnswers === true && { nameOf }) });
  await writeResults(options.results, results);
  terminal.result({ ...results, partial, verdicts: record.verdicts, results_file: options.results }, report.join('\n'));
  terminal.note(`the results are in ${options.results}, the run is saved as ${saved}`);
  await log.log(record, { status: partial ? 'KILLED' : 'FINISHED' });
  if (partial) throw new EdgeVlmError('CANCELLED', `stopped after ${result.pictures.length} of ${pictures} pictures`);
}
