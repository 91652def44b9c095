import { NO_PROGRESS, ProgressTask, type Progress } from '../../core/progress.js';
import { EdgeVlmError } from '../../core/errors.js';
import { createDecoder } from '../../engine/decoders/registry.js';
import { Engine } from '../../engine/engine.js';
import { LibllamaModel } from '../../engine/libllama/libllama-model.js';
import { argmax } from '../../engine/sampling/greedy-sampler.js';
import { checkVocabulary } from '../../engine/vocabulary/check-vocabulary.js';
import { Vocabulary } from '../../engine/vocabulary/vocabulary.js';
import { resolveWeights } from '../../engine/weights.js';
import { readGguf } from '../../formats/gguf/read-gguf.js';
import { compareRows, type RowComparison } from './compare-rows.js';
import { judge, type CheckVerdict } from './judge.js';

export interface CheckOptions {
  readonly model: string;
  /** The vision half: its file is loaded and matched with the model; its pictures have no peer to be compared with. */
  readonly mmproj?: string | undefined;
  readonly threads: number;
  /** Tokens generated for each prompt. */
  readonly steps: number;
  /** The peer begins no further token after half of this, seconds; at least one prompt gets `MINIMUM_STEPS`. */
  readonly seconds: number;
  readonly onProgress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface PromptCheck {
  readonly prompt: string;
  readonly promptTokens: number;
  /** Steps compared. */
  readonly steps: number;
  /** Steps at which both choose the same token. */
  readonly equal: number;
  /** Where they differ. `margin` is how far the peer's logit of our choice lies below that of its own. */
  readonly different: readonly { readonly step: number; readonly ours: number; readonly theirs: number; readonly margin: number }[];
  readonly maxLogitDelta: number;
}

export interface CheckReport {
  readonly verdict: CheckVerdict;
  readonly steps: number;
  readonly equal: number;
  /** Largest |difference| of any logit at any step. */
  readonly maxLogitDelta: number;
  /** The same as a part of the spread (largest minus smallest) of that step's logits. */
  readonly maxRelativeDelta: number;
  readonly prompts: readonly PromptCheck[];
  /** null without a vision half. */
  readonly pictures: { readonly checked: false; readonly reason: string } | null;
  readonly threads: number;
  readonly seconds: number;
}

/** Of different length, language and kind of text; read as plain text, without a template. */
const PROMPTS = [
  'The capital of France is',
  'Question: what do you see in the picture?\nAnswer: I see a red circle above two small blue squares, and',
  '1, 1, 2, 3, 5, 8, 13, 21,',
  'function add(a, b) {\n  return',
];
const MINIMUM_STEPS = 8;
/** The packages of native libraries hold ggml and libllama, and no libmtmd. */
const NO_MTMD = 'the native libraries have no mtmd to compare with, so only the language half was compared';

/**
 * Compares the engine with libllama on one file: libllama generates greedily, the engine is fed the same tokens, and at every
 * step both must choose the same one. One of the two is in memory at a time.
 * @throws as `Engine.load` and `LibllamaModel`; CONTEXT_FULL, CANCELLED
 */
export async function checkModel(options: CheckOptions): Promise<CheckReport> {
  const start = performance.now();
  const { model, mmproj, threads, steps, seconds } = options;
  const file = await readGguf(model);
  // What libllama is given was checked as a whole.
  resolveWeights(file, createDecoder(file).weights);
  checkVocabulary(model, file.metadata);
  const prompts = tokenisePrompts(model);
  const context = Math.max(...prompts.map(({ tokens }) => tokens.length)) + steps + 1;
  const task = new ProgressTask(options.onProgress ?? NO_PROGRESS, { label: 'compare', unit: 'tokens', total: 2 * steps * prompts.length });
  try {
    const stop = (): void => {
      if (options.signal?.aborted === true)
        throw new EdgeVlmError('CANCELLED', 'the comparison was stopped', { cause: options.signal.reason });
      task.advance();
    };
    const until = start + 500 * seconds;
    const peer = await generate({ model, threads, context, steps, until, stop }, prompts);
    const compared = await follow({ model, ...(mmproj !== undefined && { mmproj }), threads, context }, peer, stop);
    const rows = compared.flatMap((each) => each.rows);
    const checks = compared.map(({ prompt, promptTokens, rows: own }) => describePrompt(prompt, promptTokens, own));
    return {
      verdict: judge(rows),
      steps: rows.length,
      equal: rows.filter(({ ours, theirs }) => ours === theirs).length,
      maxLogitDelta: Math.max(...rows.map(({ delta }) => delta)),
      maxRelativeDelta: Math.max(...rows.map(({ delta, spread }) => delta / spread)),
      prompts: checks,
      pictures: mmproj === undefined ? null : { checked: false, reason: NO_MTMD },
      threads,
      seconds: (performance.now() - start) / 1000,
    };
  } finally {
    task.end();
  }
}

interface Prompt {
  readonly prompt: string;
  readonly tokens: Int32Array;
}

function tokenisePrompts(model: string): Prompt[] {
  using vocabulary = new Vocabulary(model);
  return PROMPTS.map((prompt) => ({ prompt, tokens: vocabulary.tokenise(prompt, { addSpecial: true, parseSpecial: false }) }));
}

interface PeerRun extends Prompt {
  /** libllama's greedy tokens. */
  readonly chosen: readonly number[];
  /** The logits each was chosen by. */
  readonly logits: readonly Float32Array[];
}

interface PeerOptions {
  readonly model: string;
  readonly threads: number;
  readonly context: number;
  readonly steps: number;
  /** As `performance.now`. */
  readonly until: number;
  readonly stop: () => void;
}

async function generate({ model, threads, context, steps, until, stop }: PeerOptions, prompts: readonly Prompt[]): Promise<PeerRun[]> {
  // The engine's attention is the flash kernel, too.
  using peer = new LibllamaModel({ model, threads, context, flashAttention: true });
  const runs: PeerRun[] = [];
  for (const { prompt, tokens } of prompts) {
    const chosen: number[] = [];
    const logits: Float32Array[] = [];
    const isLate = (): boolean => performance.now() > until && (runs.length > 0 || chosen.length >= MINIMUM_STEPS);
    for (let next = tokens; chosen.length < steps && !isLate(); next = Int32Array.of(chosen.at(-1) ?? NaN)) {
      stop();
      await peer.append(next);
      const row = peer.logits();
      logits.push(row);
      chosen.push(argmax(row));
    }
    peer.truncate(0);
    if (chosen.length > 0) runs.push({ prompt, tokens, chosen, logits });
  }
  return runs;
}

interface Compared {
  readonly prompt: string;
  readonly promptTokens: number;
  readonly rows: readonly RowComparison[];
}

async function follow(options: Parameters<typeof Engine.load>[0], runs: readonly PeerRun[], stop: () => void): Promise<Compared[]> {
  using engine = await Engine.load(options);
  const compared: Compared[] = [];
  for (const { prompt, tokens, chosen, logits } of runs) {
    const rows: RowComparison[] = [];
    for (const [step, theirs] of logits.entries()) {
      stop();
      const previous = chosen[step - 1];
      const next = previous === undefined ? tokens : Int32Array.of(previous);
      const [ours = new Float32Array()] = await engine.runner.decode([{ sequence: 0, tokens: next, logits: 'last' }]);
      rows.push(compareRows(ours, theirs));
    }
    engine.runner.truncate(0, 0);
    compared.push({ prompt, promptTokens: tokens.length, rows });
  }
  return compared;
}

function describePrompt(prompt: string, promptTokens: number, rows: readonly RowComparison[]): PromptCheck {
  const different = rows.flatMap(({ ours, theirs, margin }, step) => (ours === theirs ? [] : [{ step, ours, theirs, margin }]));
  return {
    prompt,
    promptTokens,
    steps: rows.length,
    equal: rows.length - different.length,
    different,
    maxLogitDelta: Math.max(...rows.map(({ delta }) => delta)),
  };
}
