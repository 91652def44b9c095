import { compareAlong, giveAnswers, judgeLogitParity, type LogitParity } from '../../bench/quality/logit-parity.js';
import { EdgeVlmError } from '../../core/errors.js';
import type { GenerateRequest } from '../../core/generator.js';
import type { ImagePreprocessing } from '../../core/image.js';
import type { RunRecord } from '../../core/run-record.js';
import type { EngineGenerator } from '../../runtimes/engine/engine-generator.js';
import { CAPTION_PROMPT, EVALUATION_LIMITS } from './evaluation-limits.js';
import type { DrawnScenes } from './drawn-scenes.js';

/** Pictures whose captions precisions are led along. */
const PICTURES = 8;

/** One precision, to be loaded in a process of its own. */
export interface ParityCandidate {
  readonly name: string;
  readonly start: () => Promise<EngineGenerator>;
}

/** What a record says of it: a verdict and, where it could be compared, figures. */
export type PrecisionParity = Pick<RunRecord, 'verdicts'> & Required<Pick<RunRecord, 'scores'>>;

/**
 * Leads each precision along what the first one says of the first pictures, one loaded at a time; nothing is timed.
 * @returns by precision, the first left out; nothing where the signal aborted
 */
export async function precisionParity(
  [reference, ...others]: readonly ParityCandidate[],
  { scenes, count, signal }: { readonly scenes: DrawnScenes; readonly count: number; readonly signal: AbortSignal },
): Promise<Map<string, PrecisionParity>> {
  const found = new Map<string, PrecisionParity>();
  // A function, because it changes while this waits.
  const stopped = (): boolean => signal.aborted;
  if (reference === undefined || others.length === 0 || stopped()) return found;
  async function* inputs(vision: ImagePreprocessing | null): AsyncGenerator<GenerateRequest['input'], void, void> {
    if (vision === null) throw new EdgeVlmError('MMPROJ_MISSING', 'the model was loaded without its vision half');
    for (let index = 0; index < Math.min(count, PICTURES); index++) {
      const { image } = await scenes.read(index, vision);
      const content = [{ type: 'image', image } as const, { type: 'text', text: CAPTION_PROMPT } as const];
      yield { messages: [{ role: 'user', content }] };
    }
  }
  const { captionTokens } = EVALUATION_LIMITS;
  const given = await withEngine(reference, (engine) =>
    giveAnswers(engine, inputs(engine.generator.description.vision), captionTokens, signal),
  ).catch(failed);
  for (const candidate of others) {
    if (stopped()) break;
    const parity =
      given instanceof EdgeVlmError
        ? given
        : await withEngine(candidate, (engine) => compareAlong(engine, given ?? [], signal)).catch(failed);
    found.set(candidate.name, judge(parity, reference.name));
  }
  return stopped() ? new Map() : found;
}

function judge(parity: LogitParity | EdgeVlmError, reference: string): PrecisionParity {
  if (parity instanceof EdgeVlmError) {
    return { verdicts: [{ name: 'parity:logits', outcome: 'inconclusive', detail: `${parity.code}: ${parity.message}` }], scores: [] };
  }
  return judgeLogitParity(parity, { along: `${parity.answers} captions of ${reference}`, sameWeights: false });
}

function failed(thrown: unknown): EdgeVlmError {
  return EdgeVlmError.from(thrown);
}

async function withEngine<T>(
  { start }: ParityCandidate,
  work: (engine: { generator: EngineGenerator; score: EngineGenerator['score'] }) => Promise<T>,
): Promise<T> {
  const generator = await start();
  try {
    return await work({ generator, score: (request, signal) => generator.score(request, signal) });
  } finally {
    await generator.close();
  }
}
