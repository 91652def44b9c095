// `npx tsx scripts/true-size/measure-speculation.ts --model TARGET --draft DRAFT [--draft DRAFT…] [--peer PROGRAM] [--json FILE]`: speculative
// decoding beside plain decoding, beside what measured v(m), c and acceptance promise, and beside llama.cpp's own (`llama-speculative-simple`)
// with the same files, in turns. Planted models make the acceptance known; docs/OPTIMIZATIONS.md says how. Use an idle machine.
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { SpeculationCosts } from '../../src/core/decoding.js';
import { speculationSpeedup } from '../../src/core/speculation-speedup.js';
import { MeasureCosts } from '../../src/engine/calibration/measure-costs.js';
import { TextEngine } from '../../src/runtimes/engine/text-engine.js';
import { runPeer } from '../../src/runtimes/llama-cpp/run-peer.js';
import { writeResults } from '../../src/cli/commands/write-results.js';
import { spreadOf, spreadWords } from './spread.js';
import { timedAnswer } from './timed-answer.js';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    draft: { type: 'string', multiple: true },
    peer: { type: 'string' },
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '5' },
    tokens: { type: 'string', default: '64' },
    guesses: { type: 'string', default: '7' },
    json: { type: 'string' },
  },
});
const [threads, rounds, tokens, guesses] = [values.threads, values.rounds, values.tokens, values.guesses].map(Number) as [
  number,
  number,
  number,
  number,
];
const { model, draft: drafts = [], peer } = values;
if (model === undefined || drafts.length === 0) throw new Error('name --model and --draft');
/** Threads that just ran spin on for a while. */
const SETTLE_MS = 200;
const COST_ROUNDS = 4;

/** Every prompt ends in another character, from which a planted chain goes on elsewhere. */
const prompts = Array.from({ length: rounds + 1 }, (_, i) => 'abcdefghijklmnopqrstuvwx'.charAt(i % 24));
/** What guessing costs with the draft before: drafts of one run have one shape. */
let known: SpeculationCosts | undefined;
const results: unknown[] = [];
for (const draft of drafts) results.push(await measure(model, draft));
if (values.json !== undefined) await writeResults(values.json, { threads, rounds, tokens, results });

async function measure(target: string, draft: string): Promise<object> {
  using engine = await TextEngine.load({
    ...{ model: target, draft: { model: draft }, threads, context: 1024 },
    ...(known && { speculationCosts: { speculative: known } }),
  });
  const answer = (round: number, strategy: 'plain' | 'speculative'): ReturnType<typeof timedAnswer> =>
    timedAnswer(engine, prompts[round] ?? 'a', tokens, { strategy, draftTokens: guesses });
  // The first engine learns what guessing costs.
  await timedAnswer(engine, 'z', known === undefined ? 3 * tokens : tokens / 2, { strategy: 'speculative', draftTokens: guesses });
  const measuring = new MeasureCosts({ guesses, rounds: COST_ROUNDS, draftLayers: [] });
  await timedAnswer(engine, 'y', 2, { strategy: 'speculative' }, measuring);
  const costs = measuring.costs.speculative;
  if (costs === null) throw new Error('there is no draft to measure');
  known = costs;

  const turns: { plain: number; ours: number; theirs: number | null; theirPlain: number | null }[] = [];
  const sums = { judged: 0, accepted: 0 };
  let same = 0;
  for (let round = 0; round < rounds; round++) {
    const first = await answer(round, round % 2 === 0 ? 'plain' : 'speculative');
    const second = await answer(round, round % 2 === 0 ? 'speculative' : 'plain');
    const [plain, ours] = round % 2 === 0 ? [first, second] : [second, first];
    same += Number(plain.text === ours.text);
    sums.judged += ours.decoding?.judged ?? 0;
    sums.accepted += ours.decoding?.accepted ?? 0;
    const best = bestCount(sums.judged === 0 ? 0 : sums.accepted / sums.judged, costs);
    const theirs = peer === undefined ? null : await askPeer(peer, target, draft, Math.max(1, best.count), round);
    // All drafts of a run have one target.
    const theirPlain = peer === undefined || draft !== drafts[0] ? null : await askPeer(peer, target, null, 0, round);
    turns.push({ plain: plain.tokensPerSecond, ours: ours.tokensPerSecond, theirs, theirPlain });
  }
  // Nothing was guessed where guesses do not pay.
  const acceptance = sums.judged === 0 ? 0 : sums.accepted / sums.judged;
  const predicted = bestCount(acceptance, costs);
  const speedup = spreadOf(turns.map(({ plain, ours }) => ours / plain));
  const theirs = turns.flatMap((turn) => turn.theirs ?? []);
  const theirPlain = turns.flatMap((turn) => turn.theirPlain ?? []);
  const result = {
    ...{ model: path.basename(target), draft: path.basename(draft), acceptance, same, rounds },
    ...{
      costs,
      c: (costs.draft_ms[1] ?? NaN) / (costs.verify_ms[0] ?? NaN),
      v: costs.verify_ms.map((ms) => ms / (costs.verify_ms[0] ?? NaN)),
    },
    plain_tokens_per_second: spreadOf(turns.map(({ plain }) => plain)),
    tokens_per_second: spreadOf(turns.map(({ ours }) => ours)),
    ...{ speedup, predicted_speedup: predicted.speedup, guesses: predicted.count, of_predicted: speedup.median / predicted.speedup },
    peer:
      theirs.length === 0
        ? null
        : {
            tokens_per_second: spreadOf(theirs),
            plain_tokens_per_second: theirPlain.length === 0 ? null : spreadOf(theirPlain),
            ours_over_theirs: spreadOf(turns.map((turn) => turn.ours / (turn.theirs ?? NaN))),
          },
    turns,
  };
  console.log(
    [
      `${result.model} + ${result.draft}`,
      `α ${acceptance.toFixed(3)}`,
      `c ${result.c.toFixed(3)}`,
      `v ${result.v.map((value) => value.toFixed(2)).join(' ')}`,
      `speed-up ${spreadWords(speedup)}`,
      `predicted ${predicted.speedup.toFixed(2)} (${predicted.count} guesses)`,
      `${(100 * result.of_predicted).toFixed(0)}% of it`,
      `${same} of ${rounds} the same`,
      ...(result.peer === null
        ? []
        : [
            `tok/s ${spreadWords(result.tokens_per_second, 1)} beside llama.cpp's ${spreadWords(result.peer.tokens_per_second, 1)}`,
            `plain ${spreadWords(result.plain_tokens_per_second, 1)} beside ${result.peer.plain_tokens_per_second === null ? '–' : spreadWords(result.peer.plain_tokens_per_second, 1)}`,
            `ours/theirs ${spreadWords(result.peer.ours_over_theirs)}`,
          ]),
    ].join(' | '),
  );
  return result;
}

/** As many guesses as promise most, none included. */
function bestCount(acceptance: number, costs: Parameters<typeof speculationSpeedup>[2]): { count: number; speedup: number } {
  return costs.verify_ms
    .map((_, count) => ({ count, speedup: speculationSpeedup(acceptance, count, costs) }))
    .reduce((best, one) => (one.speedup > best.speedup ? one : best));
}

/** Tokens a second of llama.cpp's own; without a draft an n-gram drafter that finds nothing in a chain stands for plain decoding. */
async function askPeer(program: string, target: string, draft: string | null, count: number, round: number): Promise<number> {
  await sleep(SETTLE_MS);
  const how =
    draft === null
      ? ['--spec-type', 'ngram-simple']
      : ['--spec-type', 'draft-simple', '-md', draft, '-td', String(threads), '--spec-draft-n-max', String(count)];
  const args = [
    '-m',
    target,
    ...how,
    '-t',
    String(threads),
    '-c',
    '1024',
    '-n',
    String(tokens),
    '-p',
    prompts[round] ?? 'a',
    '--temp',
    '0',
  ];
  const { stdout, stderr } = await runPeer(program, [...args, '--ignore-eos']);
  const speed = /decoded\s+\d+ tokens in\s+[\d.]+ seconds, speed:\s+([\d.]+) t\/s/.exec(stdout + stderr)?.[1];
  if (speed === undefined) throw new Error(`${program} printed no speed: ${(stderr || stdout).trim().slice(-400)}`);
  return Number(speed);
}
