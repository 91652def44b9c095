// `npx tsx scripts/true-size/measure-strategies.ts --model FILE [--json FILE]`: n-grams on repetitive text, self-speculation and early exit
// beside plain decoding, in turns, on a planted model of true size: its early layers say what all of them say, so acceptance is known,
// and early exit leaves at the rate it is told to. docs/OPTIMIZATIONS.md says what came of it. Use an idle machine.
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { DecodingOptions } from '../../src/core/decoding.js';
import { speculationSpeedup } from '../../src/core/speculation-speedup.js';
import { MeasureCosts } from '../../src/engine/calibration/measure-costs.js';
import { ObserveExits } from '../../src/engine/calibration/observe-exits.js';
import type { KnownCosts } from '../../src/engine/decoding-resources.js';
import { Engine } from '../../src/engine/engine.js';
import { writeResults } from '../../src/cli/commands/write-results.js';
import { spreadOf, spreadWords } from './spread.js';
import { timedTokens, type TimedTokens } from './timed-tokens.js';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '5' },
    tokens: { type: 'string', default: '48' },
    json: { type: 'string' },
  },
});
const [threads, rounds, tokens] = [values.threads, values.rounds, values.tokens].map(Number) as [number, number, number];
const { model } = values;
if (model === undefined) throw new Error('name --model');
/** Words of a synthetic vocabulary begin behind its bytes and characters. */
const FIRST_WORD = 354;
/** One token in so many of the text that is repeated was another. */
const CHANGED_EVERY = 8;
/** Guesses at most: what a larger batch costs is not asked. */
const GUESSES = 7;
const COST_ROUNDS = 5;
/** Answers that a threshold is chosen from. */
const OBSERVED = 3;

interface Variant {
  readonly name: string;
  readonly decoding: DecodingOptions;
  /** Made of what the chain says from a token on. */
  readonly prompt: (start: number, chain: readonly number[]) => Int32Array;
}

const DRAFT_LAYERS = 4;
const costs = await measureCosts(model);
using engine = await Engine.load({ model, threads, context: 1024, speculationCosts: costs });
const { layers } = engine.shape;
const start = (round: number): number => FIRST_WORD + 1000 * (round + 1);
const plainly = (prompt: Int32Array, count = tokens): Promise<TimedTokens> => timedTokens(engine, prompt, count, { strategy: 'plain' });
/** The text that will come, and its first token once more; then all that is to be said has been read. */
const repeated = (first: number, chain: readonly number[]): Int32Array => Int32Array.from([first, ...chain, first]);
const changed = (first: number, chain: readonly number[]): Int32Array =>
  Int32Array.from([first, ...chain.map((token, i) => (i % CHANGED_EVERY === CHANGED_EVERY - 1 ? FIRST_WORD + i : token)), first]);

const middle = Math.floor(layers / 2);
const early = Math.round(0.4 * layers);
const variants: Variant[] = [
  { name: 'ngram, all repeated', decoding: { strategy: 'ngram', draftTokens: GUESSES }, prompt: repeated },
  { name: `ngram, 1 in ${CHANGED_EVERY} changed`, decoding: { strategy: 'ngram', draftTokens: GUESSES }, prompt: changed },
  {
    name: `self-speculative, ${DRAFT_LAYERS} layers`,
    decoding: { strategy: 'self-speculative', draftLayers: DRAFT_LAYERS, draftTokens: GUESSES },
    prompt: fromOne,
  },
  await exitAt(middle, 0.35, 'softmax_max'),
  await exitAt(middle, 0.35, 'state'),
  await exitAt(early, 0.99, 'softmax_max'),
];
const results: object[] = [];
for (const variant of variants) results.push(await measure(variant));
if (values.json !== undefined) await writeResults(values.json, { model: path.basename(model), threads, rounds, tokens, results });

async function measure({ name, decoding, prompt }: Variant): Promise<object> {
  const turns: { plain: number; other: number }[] = [];
  const seen: TimedTokens[] = [];
  let same = 0;
  // The first one builds graphs.
  for (let round = -1; round < rounds; round++) {
    const first = start(round);
    const chain = prompt === fromOne ? [] : (await plainly(fromOne(first))).tokens;
    const asked = prompt(first, chain);
    const ask = (): Promise<TimedTokens> => timedTokens(engine, asked, tokens, decoding);
    const before = round % 2 === 0 ? await plainly(asked) : null;
    const other = await ask();
    const plain = before ?? (await plainly(asked));
    if (round < 0) continue;
    turns.push({ plain: plain.tokensPerSecond, other: other.tokensPerSecond });
    seen.push(other);
    same += Number(plain.tokens.join() === other.tokens.join());
  }
  const sum = (of: (one: TimedTokens['result']['decoding']) => number): number =>
    seen.reduce((total, { result }) => total + of(result.decoding), 0);
  const [judged, accepted] = [sum((one) => one.judged), sum((one) => one.accepted)];
  const acceptance = judged === 0 ? null : accepted / judged;
  const exits = sum((one) => Object.entries(one.exits).reduce((total, [layer, count]) => total + (Number(layer) < layers ? count : 0), 0));
  const passed = sum((one) => Object.values(one.exits).reduce((total, count) => total + count, 0));
  const full = sum((one) => one.fullLayerEquivalents);
  const layersSaved = full === 0 ? null : 1 - sum((one) => one.layerEquivalents) / full;
  const known = costs[decoding.strategy ?? 'plain'] ?? null;
  const predicted =
    layersSaved !== null
      ? 1 / (1 - layersSaved)
      : acceptance === null || known === null
        ? null
        : Math.max(...known.verify_ms.map((_, count) => speculationSpeedup(acceptance, count, known)));
  const speedup = spreadOf(turns.map(({ plain, other }) => other / plain));
  const exitRate = passed === 0 ? null : exits / passed;
  console.log(
    [
      name,
      `speed-up ${spreadWords(speedup)}`,
      `predicted ${predicted?.toFixed(2) ?? '–'}`,
      ...(acceptance === null ? [] : [`acceptance ${acceptance.toFixed(3)}`]),
      ...(exitRate === null ? [] : [`exits ${exitRate.toFixed(3)}`, `layers saved ${layersSaved?.toFixed(3) ?? '–'}`]),
      `${same} of ${rounds} the same`,
    ].join(' | '),
  );
  const figures = { acceptance, exit_rate: exitRate, layers_saved: layersSaved, predicted_speedup: predicted };
  return { name, decoding, speedup, ...figures, same, rounds, costs: known, turns };
}

/** A prompt of one token: the chain goes on from there. */
function fromOne(first: number): Int32Array {
  return Int32Array.of(first);
}

/** What guessing costs: the engine is then handed it, as `edgevlm calibrate` would. */
async function measureCosts(file: string): Promise<KnownCosts> {
  using first = await Engine.load({ model: file, threads, context: 256 });
  const measuring = new MeasureCosts({ guesses: GUESSES, rounds: COST_ROUNDS, draftLayers: [DRAFT_LAYERS] });
  await timedTokens(first, fromOne(FIRST_WORD), 2, { strategy: 'self-speculative', draftLayers: DRAFT_LAYERS }, measuring);
  const { ngram, selfSpeculative } = measuring.costs;
  const own = selfSpeculative.get(DRAFT_LAYERS);
  return { ngram, ...(own && { 'self-speculative': own }) };
}

/** Early exit with the threshold at which that share of a chain's tokens leaves. */
async function exitAt(layer: number, rate: number, exitGate: 'softmax_max' | 'state'): Promise<Variant> {
  const observe = new ObserveExits([layer]);
  // As long as the answers: how sure a token is depends on how much stands before it.
  for (let i = 0; i < OBSERVED; i++) {
    await timedTokens(engine, fromOne(start(rounds + i)), tokens, { strategy: 'early-exit', exitLayers: [layer] }, observe);
  }
  const sure = observe.tokens.flatMap(([exit]) => exit?.confidence[exitGate] ?? []).sort((a, b) => b - a);
  const at = Math.min(sure.length - 1, Math.round(rate * sure.length));
  const exitThreshold = Math.max(0, Math.min(1, rate > 0.98 ? 0 : (sure[at] ?? 1)));
  return {
    name: `early exit after ${layer} of ${layers}, ${Math.round(100 * rate)}% by ${exitGate}`,
    decoding: { strategy: 'early-exit', exitLayers: [layer], exitGate, exitThreshold },
    prompt: fromOne,
  };
}
