import type { Cell } from '../../core/plan-cell.js';

/**
 * How rounds follow each other, for three cells and two rounds: `given` A A B B C C; `interleaved` A B C A B C, so that a slow minute hits
 * all of them; `reversed` C B A A B C, so that heat favours nobody.
 */
export const PLAN_ORDERS = ['given', 'interleaved', 'reversed'] as const;
export type PlanOrder = (typeof PLAN_ORDERS)[number];

/** Every cell as often as there are rounds, in the order they are to be run. */
export function orderCells(cells: readonly Omit<Cell, 'round'>[], order: PlanOrder, rounds: number): Cell[] {
  const numbers = Array.from({ length: rounds }, (_, index) => index + 1);
  switch (order) {
    case 'given':
      return cells.flatMap((cell) => numbers.map((round) => ({ ...cell, round })));
    case 'interleaved':
      return numbers.flatMap((round) => cells.map((cell) => ({ ...cell, round })));
    case 'reversed':
      return numbers.flatMap((round) => (round % 2 === 1 ? cells.toReversed() : cells).map((cell) => ({ ...cell, round })));
    default:
      return order satisfies never;
  }
}
