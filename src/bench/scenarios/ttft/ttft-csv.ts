import { EdgeVlmError } from '../../../core/errors.js';
import type { PromptSet, TtftAttempt } from './ttft-scenario.js';

const COLUMNS = ['prompt_type', 'prompt_idx', 'prompt_text', 'runner', 'output_preview', 'ttft'] as const;
const PREVIEW_CHARACTERS = 50;

/**
 * Every attempt, one a row (RFC 4180), TTFT in seconds. What a spreadsheet would take for a formula is led by an apostrophe: prompts
 * and answers are text that anybody may have written.
 */
export function ttftCsv(sets: readonly PromptSet[], attempts: readonly TtftAttempt[]): string {
  const rows = attempts.map(({ promptType, promptIndex, runner, outcome }) => {
    const prompt = sets.find(({ type }) => type === promptType)?.prompts[promptIndex] ?? '';
    const failed = outcome instanceof EdgeVlmError;
    const preview = failed
      ? 'ERROR'
      : Array.from(outcome.text.slice(0, 2 * PREVIEW_CHARACTERS))
          .slice(0, PREVIEW_CHARACTERS)
          .join('');
    // The number of a failure is spelt as its readers know it.
    const ttft = failed ? '-1.0' : (outcome.ttft_ms / 1000).toFixed(6);
    return [promptType, String(promptIndex), textCell(prompt), runner, textCell(preview), ttft].join(',');
  });
  return `${[COLUMNS.join(','), ...rows].join('\r\n')}\r\n`;
}

/** Where a CSV file of `date` goes, in local time: `benchmark_results_20300131_235959.csv`. */
export function ttftCsvName(date: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}${two(date.getMonth() + 1)}${two(date.getDate())}`;
  return `benchmark_results_${day}_${two(date.getHours())}${two(date.getMinutes())}${two(date.getSeconds())}.csv`;
}

function textCell(value: string): string {
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}
