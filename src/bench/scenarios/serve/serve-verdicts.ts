import { EdgeVlmError } from '../../../core/errors.js';
import type { Verdict } from '../../../core/run-record.js';
import type { ServeAnswer } from './measure-answer.js';
import { failureKind } from './serve-figures.js';
import type { ServeBlock, ServeResult } from './serve-scenario.js';
import { loadName, SERVE_SIDES } from './serve-target.js';

/** Whether all was answered, and whether both servers did the same work. */
export function serveVerdicts({ blocks }: ServeResult): Verdict[] {
  const sides = SERVE_SIDES.filter((side) => blocks.some((block) => block.side === side));
  return [
    ...sides.map((side) => errorVerdict(side, blocks)),
    ...(sides.length < 2
      ? []
      : [
          parity('prompt_tokens', blocks, ({ promptTokens }) => promptTokens),
          parity('completion_tokens', blocks, ({ completionTokens }) => completionTokens),
        ]),
  ];
}

function errorVerdict(side: string, blocks: readonly ServeBlock[]): Verdict {
  const outcomes = blocks.filter((block) => block.side === side).flatMap((block) => block.outcomes);
  const failures = outcomes.filter((outcome) => outcome instanceof EdgeVlmError);
  const name = `errors:${side}`;
  if (failures.length === 0) return { name, outcome: 'pass', detail: `all ${outcomes.length} requests were answered` };
  const kinds = [...new Set(failures.map(failureKind))].join(', ');
  return { name, outcome: 'fail', detail: `${failures.length} of ${outcomes.length} requests failed: ${kinds}; they count in no time` };
}

/** Servers put one token more or less around a picture; tiles more or less are hundreds. */
const SAME_WORK = 0.01;

/** The nth request of a load and round is the same for both. */
function parity(what: string, blocks: readonly ServeBlock[], of: (answer: ServeAnswer) => number | null): Verdict {
  const name = `parity:${what}`;
  const pairs = blocks.flatMap((block) => {
    const other = blocks.find(
      ({ side, round, load }) => side === 'peer' && round === block.round && loadName(load) === loadName(block.load),
    );
    if (block.side !== 'server' || other === undefined) return [];
    return block.outcomes.flatMap((ours, at) => {
      const theirs = other.outcomes[at];
      if (theirs === undefined || ours instanceof EdgeVlmError || theirs instanceof EdgeVlmError) return [];
      const [a, b] = [of(ours), of(theirs)];
      return a === null || b === null ? [] : [Math.abs(a - b) <= SAME_WORK * Math.max(a, b)];
    });
  });
  if (pairs.length === 0) return { name, outcome: 'inconclusive', detail: 'not both tell' };
  const same = pairs.filter(Boolean).length;
  if (same === pairs.length) return { name, outcome: 'pass', detail: `the same, within 1%, in all ${pairs.length} pairs of answers` };
  return {
    name,
    outcome: 'fail',
    detail: `the same, within 1%, in ${same} of ${pairs.length} pairs of answers: the servers do different work`,
  };
}
