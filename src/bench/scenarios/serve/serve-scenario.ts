import { type Clock, systemClock } from '../../../core/clock.js';
import { EdgeVlmError } from '../../../core/errors.js';
import type { Generator } from '../../../core/generator.js';
import type { GeneratorWatch } from '../../load/generator-watch.js';
import { askAgain, SECOND_QUESTIONS, type AskedTwice } from './ask-again.js';
import { measureAnswer, type ServeAnswer } from './measure-answer.js';
import { measureStall } from './measure-stall.js';
import { offerLoad, type OfferedLoad } from './offer-load.js';
import { pictureQuestion, QUESTIONS } from './picture-question.js';
import type { ServeLoad, ServeSide, ServeTarget } from './serve-target.js';

/** How much of each is measured. */
export interface ServeAmounts {
  readonly loads: readonly ServeLoad[];
  /** Requests of each load, round and server; a closed loop has at least one for each client. */
  readonly requests: number;
  /** How often all loads are offered to each server, taking turns. */
  readonly rounds: number;
  /** Requests to each server before the first that counts. */
  readonly warmup: number;
  /** New tokens of an answer at most. */
  readonly maxTokens: number;
  /** Pictures that are asked about twice, for each kind of second question; 0 for none. */
  readonly secondQuestions: number;
  /** Pictures that take the slots before a second question. */
  readonly evictWith: number;
  /** Pictures that come while a stream runs; 0 for none. */
  readonly stallPictures: number;
  /** New tokens of that stream. */
  readonly stallTokens: number;
  /** Pictures put to the server and to the same model in this process; 0 for none. */
  readonly overheadPictures: number;
}

export interface ServeScenarioOptions extends ServeAmounts {
  /** One, or two that take turns. */
  readonly targets: readonly ServeTarget[];
  /** The model of the first target, in this process. */
  readonly inProcess?: Generator;
  /** The nth picture; another one for every n. All servers get the same. */
  readonly picture: (index: number) => Promise<Uint8Array>;
  /** For one answer. */
  readonly timeout_ms: number;
  readonly seed: number;
  readonly watch?: GeneratorWatch;
  readonly onAnswer?: () => void;
  readonly clock?: Clock;
  readonly signal: AbortSignal;
}

export interface ServeBlock extends OfferedLoad {
  readonly side: ServeSide;
  readonly load: ServeLoad;
  /** From 0. */
  readonly round: number;
}

export interface ServeResult {
  /** In the order they were offered. */
  readonly blocks: readonly ServeBlock[];
  readonly askedTwice: readonly (AskedTwice & { readonly side: ServeSide })[];
  /** Milliseconds between texts of a stream while pictures came; null where the stream ended before them. */
  readonly stalls: readonly { readonly side: ServeSide; readonly gaps_ms: readonly number[] | null }[];
  /** Latency of the same picture and question over HTTP and in this process, milliseconds; those that failed are left out. */
  readonly overhead: readonly { readonly http_ms: number; readonly inProcess_ms: number }[];
  /** Whether the signal ended it before all was measured. */
  readonly partial: boolean;
}

/** Requests of one block. */
function blockSize(load: ServeLoad, requests: number): number {
  return load.kind === 'clients' ? Math.max(requests, load.clients) : requests;
}

/** How many different pictures a scenario shows to each server, and how many answers it waits for in all. */
export function serveCounts(amounts: ServeAmounts, targets: number): { readonly pictures: number; readonly answers: number } {
  const { loads, requests, rounds, warmup, secondQuestions, evictWith, stallPictures, overheadPictures } = amounts;
  const loaded = rounds * loads.reduce((sum, load) => sum + blockSize(load, requests), 0);
  const evicting = secondQuestions > 0 ? evictWith : 0;
  const twice = SECOND_QUESTIONS.length * secondQuestions;
  return {
    pictures: warmup + loaded + twice + evicting + stallPictures + overheadPictures,
    answers: targets * (loaded + 2 * twice + evicting),
  };
}

/**
 * Offers loads to one server or two. Two take turns load by load, the second round the other way round, so that what slows the machine
 * slows them alike. Every request has a picture that its server has not seen before, unless it is a second question.
 * @throws what the first warm-up request failed with: a server that cannot answer at all is not measured; what a stream failed with
 */
export async function runServeScenario(options: ServeScenarioOptions): Promise<ServeResult> {
  const { targets, loads, requests, rounds, warmup, maxTokens, timeout_ms, signal, clock = systemClock } = options;
  const patience = { timeout_ms, clock, signal };
  const blocks: ServeBlock[] = [];
  const askedTwice: ServeResult['askedTwice'][number][] = [];
  const stalls: ServeResult['stalls'][number][] = [];
  const overhead: ServeResult['overhead'][number][] = [];
  let used = 0;
  const take = async (count: number): Promise<Uint8Array[]> => {
    const pictures: Uint8Array[] = [];
    for (let i = 0; i < count; i++) pictures.push(await options.picture(used++));
    return pictures;
  };
  const counted = { ...(options.onAnswer && { onAnswer: options.onAnswer }), ...(options.watch && { watch: options.watch }) };
  const ask = (generator: Generator, picture: Uint8Array): Promise<ServeAnswer | EdgeVlmError> =>
    measureAnswer(generator, pictureQuestion({ picture, question: QUESTIONS[0], maxTokens }), patience);
  const inTurn = (round: number): readonly ServeTarget[] => (round % 2 === 0 ? targets : targets.toReversed());
  try {
    const warming = await take(warmup);
    for (const { generator } of targets) {
      for (const picture of warming) {
        const outcome = await ask(generator, picture);
        if (outcome instanceof EdgeVlmError) throw outcome;
      }
    }
    for (let round = 0; round < rounds; round++) {
      for (const [at, load] of loads.entries()) {
        const pictures = await take(blockSize(load, requests));
        const asked = pictures.map((picture) => pictureQuestion({ picture, question: QUESTIONS[0], maxTokens }));
        for (const { side, generator } of inTurn(round)) {
          const seed = options.seed + round * loads.length + at;
          blocks.push({ side, load, round, ...(await offerLoad(generator, asked, { ...patience, ...counted, load, seed })) });
        }
      }
    }
    for (const kind of options.secondQuestions > 0 ? SECOND_QUESTIONS : []) {
      const pictures = await take(options.secondQuestions);
      const others = kind === 'evicted' ? await take(options.evictWith) : [];
      askedTwice.push(...(await askAgain(targets, { ...patience, ...counted, kind, pictures, others, maxTokens })));
    }
    if (options.stallPictures > 0) {
      const pictures = await take(options.stallPictures);
      for (const { side, generator } of targets) {
        stalls.push({ side, gaps_ms: await measureStall(generator, { ...patience, pictures, streamTokens: options.stallTokens }) });
      }
    }
    const [target] = targets;
    if (options.inProcess !== undefined && target !== undefined) {
      for (const [index, picture] of (await take(options.overheadPictures)).entries()) {
        const pair = [target.generator, options.inProcess];
        const outcomes: (ServeAnswer | EdgeVlmError)[] = [];
        for (const generator of index % 2 === 0 ? pair : pair.toReversed()) outcomes.push(await ask(generator, picture));
        const [http, inProcess] = index % 2 === 0 ? outcomes : outcomes.toReversed();
        if (http === undefined || inProcess === undefined || http instanceof EdgeVlmError || inProcess instanceof EdgeVlmError) continue;
        overhead.push({ http_ms: http.latency_ms, inProcess_ms: inProcess.latency_ms });
      }
    }
    return { blocks, askedTwice, stalls, overhead, partial: false };
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
    return { blocks, askedTwice, stalls, overhead, partial: true };
  }
}
