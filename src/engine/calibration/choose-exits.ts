import { EXIT_GATES, type ExitGate } from '../../core/decoding.js';
import type { LayerCosts } from '../layer-costs.js';
import type { ExitObservation } from './observe-exits.js';

/** Exits and thresholds, and what they came to on the tokens they were chosen from. */
export interface ChosenExits {
  readonly gate: ExitGate;
  readonly exitLayers: readonly number[];
  readonly exitThreshold: readonly number[];
  /** Share of the tokens that left. */
  readonly exitRate: number;
  /** Share of all tokens that are the whole model's. */
  readonly agreement: number;
  /** Share of the layers' work that was saved, gates, heads and left-behind keys and values counted. */
  readonly saved: number;
}

export interface ChooseExitsOptions {
  /** The layers of each exit, as in the observations. */
  readonly exits: readonly number[];
  readonly layers: number;
  readonly costs: LayerCosts;
  /** Share of tokens that must stay the whole model's. */
  readonly target: number;
}

/** How many thresholds of an early exit are tried with each later one. */
const THRESHOLDS = 24;

/**
 * The one or two exits, gate and thresholds that save most while at least `target` of the tokens stay what the whole model says;
 * null where nothing is saved. One or two: every gate with a head costs that head for each token that comes by.
 */
export function chooseExits(tokens: readonly (readonly ExitObservation[])[], options: ChooseExitsOptions): ChosenExits | null {
  const { exits, target } = options;
  if (tokens.length === 0) return null;
  const allowed = Math.floor((1 - target) * tokens.length + 1e-9);
  let best: ChosenExits | null = null;
  const consider = (gate: ExitGate, at: readonly number[], thresholds: readonly number[]): void => {
    const chosen = evaluate(tokens, gate, at, thresholds, options);
    if (chosen.agreement >= target - 1e-9 && chosen.saved > (best?.saved ?? 0)) best = chosen;
  };
  for (const gate of EXIT_GATES) {
    for (const [first] of exits.entries()) {
      const alone = lowestThreshold(tokens, gate, first, allowed);
      if (alone !== null) consider(gate, [first], [alone]);
      for (const threshold of candidates(tokens, gate, first, allowed)) {
        const left = tokens.filter((token) => !leaves(token[first], gate, threshold));
        const wrong = tokens.filter((token) => leaves(token[first], gate, threshold) && token[first]?.agrees !== true).length;
        for (let second = first + 1; second < exits.length; second++) {
          const later = lowestThreshold(left, gate, second, allowed - wrong);
          if (later !== null) consider(gate, [first, second], [threshold, later]);
        }
      }
    }
  }
  return best;
}

/** What exits would have come to. @param at indices of exits, rising */
export function evaluate(
  tokens: readonly (readonly ExitObservation[])[],
  gate: ExitGate,
  at: readonly number[],
  thresholds: readonly number[],
  { exits, layers, costs }: Omit<ChooseExitsOptions, 'target'>,
): ChosenExits {
  const gateCost = gate === 'state' ? 0 : costs.head;
  let [left, right, spent] = [0, 0, 0];
  for (const token of tokens) {
    const through = at.findIndex((exit, i) => leaves(token[exit], gate, thresholds[i] ?? 1));
    const passed = through < 0 ? at.length : through + 1;
    spent += passed * gateCost;
    if (through < 0) {
      right++;
      spent += layers + costs.head;
      continue;
    }
    const exit = at[through] ?? 0;
    const layer = exits[exit] ?? layers;
    left++;
    right += Number(token[exit]?.agrees === true);
    spent += layer + (layers - layer) * costs.keysAndValues + (gate === 'state' ? costs.head : 0);
  }
  return {
    gate,
    exitLayers: at.map((exit) => exits[exit] ?? layers),
    exitThreshold: [...thresholds],
    exitRate: left / tokens.length,
    agreement: right / tokens.length,
    saved: 1 - spent / (tokens.length * (layers + costs.head)),
  };
}

function leaves(observed: ExitObservation | undefined, gate: ExitGate, threshold: number): boolean {
  return observed !== undefined && observed.confidence[gate] > threshold;
}

/** The lowest threshold at which at most `allowed` tokens leave wrongly; null where none may be trusted. */
function lowestThreshold(tokens: readonly (readonly ExitObservation[])[], gate: ExitGate, exit: number, allowed: number): number | null {
  if (allowed < 0) return null;
  const observed = tokens.flatMap((token) => token[exit] ?? []).sort((a, b) => b.confidence[gate] - a.confidence[gate]);
  let wrong = 0;
  for (const { confidence, agrees } of observed) {
    if (!agrees) wrong++;
    // All as sure as the first that may not leave must stay.
    if (wrong > allowed) return clamp(confidence[gate]);
  }
  return 0;
}

/** Thresholds for an exit with another behind it: from the lowest that is allowed up, evenly over the tokens that would leave. */
function candidates(tokens: readonly (readonly ExitObservation[])[], gate: ExitGate, exit: number, allowed: number): number[] {
  const lowest = lowestThreshold(tokens, gate, exit, allowed);
  if (lowest === null) return [];
  const leaving = tokens.flatMap((token) => token[exit]?.confidence[gate] ?? []).filter((value) => value > lowest);
  leaving.sort((a, b) => a - b);
  const chosen = Array.from({ length: THRESHOLDS }, (_, i) => leaving[Math.floor((i * leaving.length) / THRESHOLDS)] ?? lowest);
  return [...new Set([lowest, ...chosen.map(clamp)])];
}

/** A gate's threshold goes from 0 to 1. */
function clamp(value: number): number {
  return Math.min(1, Math.max(0, value));
}
