import type { Command } from 'commander';
import { findModel } from '../../catalogue/find-model.js';
import type { CheckReport, PromptCheck } from '../../convert/check/check-model.js';
import { EdgeVlmError } from '../../core/errors.js';
import { defaultThreads } from '../../engine/default-threads.js';
import { wholeNumber } from '../options/number-parser.js';
import { addOutputOptions } from '../options/output-options.js';
import { runNative } from '../run-native.js';
import type { Session } from '../session.js';

interface CheckCommandOptions {
  readonly mmproj?: string;
  readonly threads?: number;
  readonly steps: number;
  readonly seconds: number;
}

/** `edgevlm models check FILE` */
export function modelsCheck(group: Command, { terminal, signal }: Session): void {
  const command = group
    .command('check')
    .description('Compare the engine with libllama on a file and this machine: the same tokens, greedily, step by step.')
    .argument('<file>', 'a GGUF file, or the name of a model')
    .option('--mmproj <file>', 'the vision half; it is loaded and matched with the model')
    .option('--steps <n>', 'tokens for each of four prompts', wholeNumber(1, 1024), 32)
    .option('--seconds <n>', 'about how long it may take', wholeNumber(1, 86_400), 60)
    .option('--threads <n>', 'threads to compute with; default: one for each fast core, at most 8', wholeNumber(1, 512));
  addOutputOptions(command).action(async (file: string, options: CheckCommandOptions) => {
    const { model, mmproj } = await findModel({ model: file, mmproj: options.mmproj, vision: options.mmproj !== undefined });
    const threads = options.threads ?? defaultThreads();
    const { steps, seconds } = options;
    const report = await runNative('check', { model, mmproj, threads, steps, seconds }, { onProgress: terminal.progress, signal });
    if (report.verdict === 'different') {
      for (const line of reportLines(report)) terminal.warning(line);
      terminal.itemError({ model, ...report }, new EdgeVlmError('PARITY_FAILED', `${model}: ${summary(report)}`));
      return;
    }
    terminal.result({ model, ...report }, [`${model}: ${summary(report)}`, ...reportLines(report)].join('\n'));
  });
}

const VERDICTS = {
  equal: 'the engine and libllama choose the same tokens',
  ties: 'the engine and libllama choose the same tokens, but for some between which rounding decides',
  different: 'the engine and libllama differ',
} as const satisfies Record<CheckReport['verdict'], string>;

function summary({ verdict, equal, steps, maxLogitDelta, maxRelativeDelta, seconds }: CheckReport): string {
  const delta = `largest difference of a logit ${maxLogitDelta.toPrecision(3)} (${(100 * maxRelativeDelta).toPrecision(2)}% of their spread)`;
  return `${VERDICTS[verdict]}: ${equal} of ${steps} equal, ${delta}, ${seconds.toFixed(1)} s`;
}

function reportLines({ prompts, pictures }: CheckReport): string[] {
  return [...prompts.map(promptLine), ...(pictures === null ? [] : [`  pictures: not checked: ${pictures.reason}`])];
}

function promptLine({ prompt, promptTokens, steps, equal, maxLogitDelta, different: [first] }: PromptCheck): string {
  const where =
    first === undefined
      ? ''
      : `, the first at step ${first.step}: ${first.ours} for ${first.theirs}, margin ${first.margin.toPrecision(2)}`;
  return `  ${JSON.stringify(prompt)} (${promptTokens} tokens): ${equal} of ${steps} equal${where}, largest difference ${maxLogitDelta.toPrecision(3)}`;
}
