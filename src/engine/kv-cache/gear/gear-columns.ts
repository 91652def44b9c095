import { HIDDEN, VISIBLE } from '../cells/causal-mask.js';
import type { ChunkUse } from './chunk-table.js';
import { GEAR_GROUP } from './gear-options.js';
import type { GearKvPlan } from './gear-plan.js';

/** From so many tokens after its start on, a chunk is seen as it is compressed. */
export const SEEN_AFTER = 2 * GEAR_GROUP;

/** What is stored of a sequence. */
export interface GearPast {
  /** Its cells by position; none where they were freed. */
  readonly cells: (number | undefined)[];
  readonly chunks: readonly ChunkUse[];
}

/** Where the first `position` tokens of a sequence stand for a query at that position. */
export function gearColumns(
  plan: GearKvPlan,
  chunks: readonly ChunkUse[],
  cells: readonly (number | undefined)[],
  position: number,
): number[] {
  const columns = cells.slice(0, position).map((cell) => (cell === undefined ? -1 : cellColumn(plan, cell)));
  for (const { chunk, start, end } of chunks) {
    if (cells[start] !== undefined && position < start + SEEN_AFTER) break;
    const first = (chunk - plan.chunks.start) * GEAR_GROUP - start;
    for (let i = start; i < Math.min(end, position); i++) columns[i] = first + i;
  }
  return columns;
}

/** Which columns each token of a plan sees: [tokens, width] f16. @param past what is stored of a sequence */
export function gearMask(plan: GearKvPlan, width: number, past: (sequence: number) => GearPast, slidingWindow: number | null): Uint16Array {
  const bits = new Uint16Array(width * plan.tokens).fill(HIDDEN);
  const known = new Map<number, GearPast>();
  for (let token = 0; token < plan.tokens; token++) {
    const [sequence, position] = [plan.sequences[token] ?? 0, plan.positions[token] ?? 0];
    const { cells, chunks } = known.get(sequence) ?? past(sequence);
    known.set(sequence, { cells, chunks });
    cells[position] = plan.cells[token] ?? 0;
    const columns = [...gearColumns(plan, chunks, cells, position), cellColumn(plan, plan.cells[token] ?? 0)];
    for (const column of columns.slice(-(slidingWindow ?? columns.length))) bits[token * width + column] = VISIBLE;
  }
  return bits;
}

function cellColumn({ start, chunks }: GearKvPlan, cell: number): number {
  return chunks.count * GEAR_GROUP + cell - start;
}
