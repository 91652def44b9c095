import { expect, it } from 'vitest';

import { EdgeVlmError } from '../../../core/errors.js';
import { ttftCsv, ttftCsvName } from './ttft-csv.js';
import type { TtftAttempt } from './ttft-scenario.js';

const answered = (text: string): TtftAttempt['outcome'] => ({
  ttft_ms: 12.3456789,
  total_ms: 20,
  text,
  pieces: 2,
  promptTokens: 3,
  completionTokens: 2,
  cachedTokens: 0,
  serverPrompt_ms: null,
  serverPredicted_ms: null,
  warnings: [],
});
const SETS = [{ type: 'short', source: 'short.txt', prompts: ['say "hi", please', '=1+1'] }] as const;
const attempt = (promptIndex: number, outcome: TtftAttempt['outcome']): TtftAttempt => ({
  promptType: 'short',
  promptIndex,
  repetition: 0,
  runner: 'llamacpp',
  outcome,
});

it('the CSV file has a row for each attempt, quoted where it must be', () => {
  const attempts = [attempt(0, answered(' two\nlines')), attempt(1, answered('+1')), attempt(1, new EdgeVlmError('INTERNAL', 'broken'))];
  expect(ttftCsv(SETS, attempts)).toBe(
    [
      'prompt_type,prompt_idx,prompt_text,runner,output_preview,ttft',
      'short,0,"say ""hi"", please",llamacpp," two\nlines",0.012346',
      "short,1,'=1+1,llamacpp,'+1,0.012346",
      "short,1,'=1+1,llamacpp,ERROR,-1.0",
      '',
    ].join('\r\n'),
  );
});

it('the preview of an answer is its first 50 characters, none of them halved', () => {
  const [, row] = ttftCsv(SETS, [attempt(0, answered('🦊'.repeat(60)))]).split('\r\n');
  expect(row?.split(',').at(-2)).toBe('🦊'.repeat(50));
});

it('the CSV file is called after the local time', () => {
  expect(ttftCsvName(new Date(2030, 0, 2, 3, 4, 5))).toBe('benchmark_results_20300102_030405.csv');
});
