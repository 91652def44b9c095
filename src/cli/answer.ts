import type { DetailedGenerator, DetailedResult, FinishReason, GenerateRequest } from '../core/generator.js';
import { EdgeVlmError } from '../core/errors.js';
import { decodingReport } from '../server/decoding-report.js';
import type { Session } from './session.js';
import { timingsTable } from './timings-table.js';

/** What every answer tells about itself with `--json`, in the spelling of the server's. */
interface AnswerFacts {
  /** Seconds from the picture's bytes, or the prompt, to the last token; without loading the model. */
  readonly latency: number;
  /** New tokens. */
  readonly tokens: number;
  readonly prompt_tokens: number;
  /** How many of the prompt's tokens are picture embeddings. */
  readonly image_tokens: number;
  /** How many of the prompt's tokens were not computed, because an earlier prompt began alike. */
  readonly cached_tokens: number;
  readonly finish_reason: FinishReason;
  /** Milliseconds of each stage of `StageTimings`; `prepare_ms` is reading, decoding and cutting the pictures, beside the engine. */
  readonly timings: Readonly<Record<string, number>>;
  readonly model: string;
  readonly precision: string;
  readonly warnings: readonly string[];
  /** Keys and values of the prompt and its answer. */
  readonly cache_bytes: number | null;
  /** Optimisations in force that may change the answer. */
  readonly lossy: readonly string[];
  /** What the decoding strategy did. */
  readonly decoding: ReturnType<typeof decodingReport>;
}

export interface AnswerOptions {
  /** Printed before the text, for example the picture's path. */
  readonly prefix?: string;
  /** The answer is to be one line. */
  readonly oneLine?: boolean;
  readonly prepare_ms?: number;
  /** What of the config could not be obeyed; the answer lists it beside its own warnings. */
  readonly configWarnings?: readonly string[] | undefined;
  /** Print the table of timings. */
  readonly timings?: boolean | undefined;
  /** The JSON object: what was asked and the text under its name. */
  readonly fields: (text: string) => object;
}

/**
 * Generates an answer and prints it: token by token where somebody watches, else when it is complete.
 * @throws EdgeVlmError CANCELLED after printing what there was; what the generator throws
 */
export async function answer(
  generator: DetailedGenerator,
  request: GenerateRequest,
  options: AnswerOptions,
  session: Session,
): Promise<void> {
  const { terminal, signal } = session;
  const { prefix = '', oneLine = false, prepare_ms } = options;
  const shape = (text: string): string => (oneLine ? text.replace(/\s*\n\s*/g, ' ') : text);
  const live = terminal.isLive;
  let shown = '';
  let result: DetailedResult | undefined;
  if (live) terminal.write(prefix);
  for await (const event of generator.generate(request, signal)) {
    if (event.type === 'done') {
      result = event.result;
    } else if (live) {
      terminal.write(shape(event.text));
      shown += event.text;
    }
  }
  if (result === undefined) throw new EdgeVlmError('INTERNAL', 'the generator ended without a result');

  const { text, warnings } = result;
  if (live) terminal.write(`${shape(text.slice(shown.length))}\n`);
  else terminal.result({ ...options.fields(text), ...facts(result, generator, options) }, prefix + shape(text));
  for (const warning of warnings) terminal.warning(warning);
  if (options.timings) terminal.table([...(prefix === '' ? [] : [prefix.trimEnd()]), ...timingsTable(result, prepare_ms)]);
  if (result.finishReason === 'cancelled') throw new EdgeVlmError('CANCELLED', 'stopped while generating');
}

function facts(
  result: DetailedResult,
  { description }: DetailedGenerator,
  { prepare_ms = 0, configWarnings = [] }: AnswerOptions,
): AnswerFacts {
  const { promptTokens, imageTokens, cachedTokens, completionTokens, finishReason, timings, warnings } = result;
  return {
    latency: rounded((prepare_ms + timings.total_ms) / 1000, 6),
    tokens: completionTokens,
    prompt_tokens: promptTokens,
    image_tokens: imageTokens,
    cached_tokens: cachedTokens,
    finish_reason: finishReason,
    timings: Object.fromEntries(Object.entries({ ...timings, prepare_ms }).map(([stage, ms]) => [stage, rounded(ms, 3)])),
    model: description.name,
    precision: description.precision,
    warnings: [...configWarnings, ...warnings],
    cache_bytes: result.cacheBytes ?? null,
    lossy: result.lossy ?? [],
    decoding: decodingReport(result.decoding),
  };
}

/** To a microsecond, the resolution of the clock. */
function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
