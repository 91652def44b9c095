import type { SpeculationCosts } from '../../core/decoding.js';
import { EdgeVlmError } from '../../core/errors.js';
import type { DetailedResult } from '../../core/generator.js';
import { ProgressTask, type Progress } from '../../core/progress.js';
import { speculationSpeedup } from '../../core/speculation-speedup.js';
import { chooseExits, type ChosenExits } from '../../engine/calibration/choose-exits.js';
import { MeasureCosts, type MeasuredCosts } from '../../engine/calibration/measure-costs.js';
import { ObserveExits, type ExitObservation } from '../../engine/calibration/observe-exits.js';
import { TeacherForced } from '../../engine/calibration/teacher-forced.js';
import type { DecodingStrategy } from '../../engine/decoding/decoding-strategy.js';
import { PlainDecoding } from '../../engine/decoding/plain/plain-decoding.js';
import { createDecodingStrategy } from '../../engine/decoding/registry.js';
import { resolveDecoding } from '../../engine/decoding/resolve-decoding.js';
import { layerCosts } from '../../engine/layer-costs.js';
import { argmax } from '../../engine/sampling/greedy-sampler.js';
import { readGguf } from '../../formats/gguf/read-gguf.js';
import type { EngineLoadOptions } from '../../runtimes/engine/engine-protocol.js';
import { TextEngine } from '../../runtimes/engine/text-engine.js';
import type { PreparedMessage } from '../../runtimes/prompt/prepared-request.js';

export interface CalibrationPrompt {
  readonly messages: readonly PreparedMessage[];
  /** New tokens at most. */
  readonly maxTokens: number;
}

export interface CalibrateRequest {
  readonly load: EngineLoadOptions;
  /** The last third is kept to try out what was chosen on the others. At least three. */
  readonly prompts: readonly CalibrationPrompt[];
  /** Share of tokens that must stay the full model's. */
  readonly target: number;
  /** Guesses at most. */
  readonly guesses: number;
}

export interface Calibrated {
  /** Tokens that exits were chosen on. */
  readonly tokens: number;
  readonly ngram: SpeculationCosts;
  readonly speculative: SpeculationCosts | null;
  readonly selfSpeculative: {
    readonly draftLayers: number;
    readonly acceptance: number;
    readonly speedup: number;
    readonly costs: SpeculationCosts;
  } | null;
  /** Rates are those on prompts that exits were not chosen on. */
  readonly exits: ChosenExits | null;
}

/** Prompts of which each cost is measured behind, and how often behind each. */
const COST_PROMPTS = 3;
const COST_ROUNDS = 7;
/** How often thresholds are raised that do not hold on other prompts. */
const TRIES = 8;

/** Learns what guessing costs and where tokens may leave early. Computes in this process. @throws as `TextEngine.load` and `generate` */
export async function calibrateModel(
  { load, prompts, target, guesses }: CalibrateRequest,
  { onProgress, signal }: { readonly onProgress: Progress; readonly signal: AbortSignal },
): Promise<Calibrated> {
  using engine = await TextEngine.load({ ...load, signal });
  const { layers } = engine.engine.shape;
  const fitted = prompts.slice(0, Math.ceil((2 * prompts.length) / 3));
  const kept = prompts.slice(fitted.length);
  const task = new ProgressTask(onProgress, { label: 'calibrate', unit: 'prompts', total: prompts.length + COST_PROMPTS });
  const run = (prompt: CalibrationPrompt, strategy: DecodingStrategy): Promise<Answered> => answer(engine, prompt, strategy, signal);
  try {
    const exits = earlyLayers(layers);
    const drafters = exits.filter((layer) => layer <= layers / 2);
    const measure = new MeasureCosts({ guesses, rounds: COST_ROUNDS, draftLayers: drafters });
    for (const prompt of prompts.slice(0, COST_PROMPTS)) {
      await run(prompt, measure);
      task.advance();
    }
    const observe = new ObserveExits(exits);
    for (const prompt of fitted) {
      await run(prompt, observe);
      task.advance();
    }
    const answers: (readonly [CalibrationPrompt, Int32Array])[] = [];
    for (const prompt of kept) {
      answers.push([prompt, (await run(prompt, new PlainDecoding())).tokens]);
      task.advance();
    }
    const costs = layerCosts(await readGguf(load.model), layers);
    const tryOut = async (chosen: ChosenExits): Promise<ChosenExits> => {
      const { gate: exitGate, exitLayers, exitThreshold } = chosen;
      const options = resolveDecoding({ strategy: 'early-exit', exitGate, exitLayers, exitThreshold }, { layers });
      const tally = new ExitTally(layers);
      for (const [prompt, tokens] of answers) {
        const observe = (index: number, logits: Float32Array): void => {
          tally.see(index, tokens[index], argmax(logits));
        };
        tally.add((await run(prompt, new TeacherForced(createDecodingStrategy(options, layers), tokens, observe))).result);
      }
      return { ...chosen, ...tally.rates };
    };
    return {
      tokens: observe.tokens.length,
      ngram: measure.costs.ngram,
      speculative: measure.costs.speculative,
      selfSpeculative: bestDrafter(measure.costs, exits, observe.tokens),
      exits: await holdingExits(chooseExits(observe.tokens, { exits, layers, costs, target }), tryOut, target),
    };
  } finally {
    task.end();
  }
}

/** Every layer of a small model, some sixteen of a large one. */
function earlyLayers(layers: number): number[] {
  const step = Math.max(1, Math.ceil(layers / 16));
  return Array.from({ length: layers - 1 }, (_, i) => i + 1).filter((layer) => layer % step === 0);
}

/** The early layers that are the fastest drafter: how often they are right is how often they say what the whole model says. */
function bestDrafter(
  { selfSpeculative }: MeasuredCosts,
  exits: readonly number[],
  tokens: readonly (readonly ExitObservation[])[],
): Calibrated['selfSpeculative'] {
  let best: Calibrated['selfSpeculative'] = null;
  for (const [draftLayers, costs] of selfSpeculative) {
    const at = exits.indexOf(draftLayers);
    const right = tokens.filter((token) => token[at]?.agrees === true).length;
    const acceptance = right / Math.max(1, tokens.length);
    const speedup = Math.max(...costs.verify_ms.map((_, count) => speculationSpeedup(acceptance, count, costs)));
    if (speedup > (best?.speedup ?? 1)) best = { draftLayers, acceptance, speedup, costs };
  }
  return best;
}

/**
 * Exits that hold on prompts they were not chosen on; where they do not, every threshold goes half of the way to certainty. null where
 * none hold and save anything.
 */
async function holdingExits(
  chosen: ChosenExits | null,
  tryOut: (chosen: ChosenExits) => Promise<ChosenExits>,
  target: number,
): Promise<ChosenExits | null> {
  let next = chosen;
  for (let attempt = 0; attempt < TRIES && next !== null; attempt++) {
    const tried = await tryOut(next);
    if (tried.agreement >= target) return tried.saved > 0 ? tried : null;
    next = { ...next, exitThreshold: next.exitThreshold.map((threshold) => (1 + threshold) / 2) };
  }
  return null;
}

interface Answered {
  readonly tokens: Int32Array;
  readonly result: DetailedResult;
}

async function answer(
  engine: TextEngine,
  { messages, maxTokens }: CalibrationPrompt,
  strategy: DecodingStrategy,
  signal: AbortSignal,
): Promise<Answered> {
  const tokens: number[] = [];
  // Its means are those that all need: the model layer by layer, and the draft, which is there whatever the strategy.
  const decoding = { strategy: 'self-speculative', draftLayers: 1 } as const;
  for await (const event of engine.generate({ input: { messages }, maxTokens, decoding, reuse: false }, signal, strategy)) {
    if (event.type === 'token') tokens.push(event.token);
    else if (event.result.finishReason === 'cancelled') throw new EdgeVlmError('CANCELLED', 'stopped while calibrating');
    else return { tokens: Int32Array.from(tokens), result: event.result };
  }
  throw new EdgeVlmError('INTERNAL', 'the generator ended without a result');
}

/** Adds up what exits did along answers of the full model. */
class ExitTally {
  #same = 0;
  #seen = 0;
  #left = 0;
  #passed = 0;
  #spent = 0;
  #full = 0;

  constructor(private readonly layers: number) {}

  /** @param expected undefined at the end of the answer, which is no choice among words */
  see(index: number, expected: number | undefined, said: number): void {
    // The first token comes of the prompt, which nothing leaves early.
    if (index === 0 || expected === undefined) return;
    this.#seen++;
    this.#same += Number(said === expected);
  }

  add({ decoding }: DetailedResult): void {
    for (const [layer, count] of Object.entries(decoding?.exits ?? {})) {
      this.#passed += count;
      if (Number(layer) < this.layers) this.#left += count;
    }
    this.#spent += decoding?.layerEquivalents ?? 0;
    this.#full += decoding?.fullLayerEquivalents ?? 0;
  }

  get rates(): Pick<ChosenExits, 'agreement' | 'exitRate' | 'saved'> {
    const share = (part: number, of: number, none: number): number => (of === 0 ? none : part / of);
    return {
      agreement: share(this.#same, this.#seen, 1),
      exitRate: share(this.#left, this.#passed, 0),
      saved: 1 - share(this.#spent, this.#full, 1),
    };
  }
}
