// `npx tsx scripts/compare-rulers.ts [--model FILE.gguf --llama-bench PROGRAM] [--hf FOLDER|ID --optimum-python PYTHON]`: whether our times of
// llama.cpp are those of llama-bench, and our times of PyTorch those of optimum-benchmark: the same weights, in turns. Ends with 1 where
// they differ by more than 3%. Use a machine that is idle and a model whose token takes tens of milliseconds. docs/BENCHMARKS.md says how.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { median } from '../src/core/sample-summary.js';
import type { ForwardPass } from '../src/core/forward-pass.js';
import type { GenerateResult } from '../src/core/generator.js';
import type { OpenRuntime } from '../src/core/runtime.js';
import { startForwardPeer } from '../src/runtimes/forward-passes.js';
import { LlamaBenchForwardPass } from '../src/runtimes/llama-cpp/llama-bench-forward-pass.js';
import { runPeer } from '../src/runtimes/llama-cpp/run-peer.js';
import { RUNTIMES } from '../src/runtimes/registry.js';

const TOLERANCE = 0.03;
/** Threads that just ran spin on for a while. */
const SETTLE_MS = 250;
/** Answers of each PyTorch in a turn; their median counts. */
const ANSWERS = 3;
/** Fewer tokens than that tell nothing of decoding. */
const FEWEST_TOKENS = 8;

/** What optimum_times.py prints, milliseconds. */
const OptimumTimes = Type.Object({ prefill_ms: Type.Array(Type.Number()), decode_ms: Type.Array(Type.Number()) });

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    'llama-bench': { type: 'string', default: process.env['EDGEVLM_LLAMA_BENCH'] ?? '' },
    hf: { type: 'string' },
    'optimum-python': { type: 'string', default: process.env['EDGEVLM_OPTIMUM_PYTHON'] ?? '' },
    threads: { type: 'string', default: '1' },
    prefill: { type: 'string', default: '256' },
    decode: { type: 'string', default: '32' },
    repetitions: { type: 'string', default: '7' },
    json: { type: 'boolean', default: false },
  },
});
const [threads, prefill, decode, repetitions] = [values.threads, values.prefill, values.decode, values.repetitions].map(Number) as [
  number,
  number,
  number,
  number,
];

/** Milliseconds. */
interface Times {
  readonly prefill: number;
  /** Of each token. */
  readonly decode: number;
}
interface Turn {
  readonly ours: Times;
  readonly theirs: Times;
}

const rulers = new Map<string, Turn[]>();
if (values.model !== undefined && values['llama-bench'] !== '') {
  rulers.set('llama.cpp: ours / llama-bench', await compareLlamaCpp(values.model, resolve(values['llama-bench'])));
}
if (values.hf !== undefined && values['optimum-python'] !== '') {
  rulers.set(
    'PyTorch: ours / optimum-benchmark',
    await comparePyTorch(existsSync(values.hf) ? resolve(values.hf) : values.hf, values['optimum-python']),
  );
}
if (rulers.size === 0) throw new Error('name --model and --llama-bench, or --hf and --optimum-python');

const results = [...rulers].flatMap(([ruler, turns]) =>
  (['prefill', 'decode'] as const).map((what) => ({ ruler, what, ...judge(turns, what) })),
);
if (values.json) console.log(JSON.stringify({ threads, prefill, decode, repetitions, results }));
else {
  for (const { ruler, what, ours, theirs, ratio, agrees } of results) {
    const spread = ({ median: middle, lowest, highest }: Spread, digits: number): string =>
      `${middle.toFixed(digits)} (${lowest.toFixed(digits)} to ${highest.toFixed(digits)})`;
    console.log(
      `${ruler}, ${what}: ${spread(ours, 3)} ms beside ${spread(theirs, 3)} ms: ratio ${spread(ratio, 3)} ${agrees ? 'agrees' : 'DIFFERS'}`,
    );
  }
}
process.exitCode = results.every(({ agrees }) => agrees) ? 0 : 1;

/** libllama as `bench engine --vs libllama` times it, beside llama-bench; on a processor libllama chooses flash attention by itself. */
async function compareLlamaCpp(model: string, binary: string): Promise<Turn[]> {
  const ours = await startForwardPeer('libllama', { model, threads, context: prefill + decode });
  const theirs = new LlamaBenchForwardPass({ binary, model, threads, flashAttention: true });
  const time = async (pass: ForwardPass): Promise<Times> => {
    await sleep(SETTLE_MS);
    const prefill_ms = await pass.prefill(prefill);
    await pass.fill(prefill);
    const { step_ms } = await pass.decode(decode);
    return { prefill: prefill_ms, decode: step_ms.reduce((sum, ms) => sum + ms, 0) / step_ms.length };
  };
  try {
    await time(ours);
    return await inTurns(
      () => time(ours),
      () => time(theirs),
    );
  } finally {
    await ours.close();
  }
}

/** Our PyTorch runtime beside optimum-benchmark, which makes up prompts of as many tokens and never ends early. */
async function comparePyTorch(model: string, python: string): Promise<Turn[]> {
  process.env['EDGEVLM_PYTHON'] ??= python;
  const runtime = await (await RUNTIMES.python()).open({ model, device: 'cpu', quantization: 'none', threads });
  try {
    const first = await answer(runtime);
    const steps = stepsOf(first);
    if (first.promptTokens === null || steps < FEWEST_TOKENS)
      throw new Error(`the model answers with ${steps + 1} tokens and then ends: another model is needed`);
    const script = fileURLToPath(new URL('optimum_times.py', import.meta.url));
    const args = [script, model, threads, first.promptTokens, steps + 1, ANSWERS].map(String);
    return await inTurns(
      async () => {
        const results: GenerateResult[] = [];
        for (let i = 0; i < ANSWERS; i++) results.push(await answer(runtime));
        return timesOf(
          results.map(({ timings }) => timings.prefill_ms ?? NaN),
          results.map((result) => (result.timings.decode_ms ?? NaN) / stepsOf(result)),
        );
      },
      async () => {
        const { stdout } = await runPeer(python, args);
        const { prefill_ms, decode_ms } = Value.Parse(OptimumTimes, JSON.parse(stdout.trim().split('\n').at(-1) ?? ''));
        return timesOf(prefill_ms, decode_ms);
      },
    );
  } finally {
    await runtime.close();
  }
}

async function answer({ generator }: OpenRuntime): Promise<GenerateResult> {
  const request = { input: { prompt: 'a '.repeat(prefill) }, maxTokens: decode, sampling: { temperature: 0 }, reuse: false };
  for await (const event of generator.generate(request)) if (event.type === 'done') return event.result;
  throw new Error('the runtime ended without a result');
}

/** Forward passes after the first token; the one that gave the end is one of them. */
function stepsOf({ completionTokens, finishReason }: GenerateResult): number {
  return finishReason === 'stop' ? completionTokens : completionTokens - 1;
}

function timesOf(prefills: readonly number[], decodes: readonly number[]): Times {
  return { prefill: median(prefills), decode: median(decodes) };
}

async function inTurns(ours: () => Promise<Times>, theirs: () => Promise<Times>): Promise<Turn[]> {
  const turns: Turn[] = [];
  for (let i = 0; i < repetitions; i++) {
    // Each is first as often as the other.
    if (i % 2 === 0) turns.push({ ours: await ours(), theirs: await theirs() });
    else {
      const second = await theirs();
      turns.push({ ours: await ours(), theirs: second });
    }
  }
  return turns;
}

interface Spread {
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
}

function judge(turns: readonly Turn[], what: keyof Times): { ours: Spread; theirs: Spread; ratio: Spread; agrees: boolean } {
  const of = (value: (turn: Turn) => number): Spread => {
    const all = turns.map(value);
    return { median: median(all), lowest: Math.min(...all), highest: Math.max(...all) };
  };
  const ratio = of(({ ours, theirs }) => ours[what] / theirs[what]);
  return {
    ours: of((turn) => turn.ours[what]),
    theirs: of((turn) => turn.theirs[what]),
    ratio,
    agrees: Math.abs(ratio.median - 1) <= TOLERANCE,
  };
}
