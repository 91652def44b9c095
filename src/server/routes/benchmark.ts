import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { Type } from 'typebox';
import { EdgeVlmError } from '../../core/errors.js';
import { writeFileAtomically } from '../../core/write-file-atomically.js';
import type { BenchmarkProgress, BenchmarkResults, BenchmarkTask } from '../../serving/benchmark-runner.js';
import { callerOf } from '../caller-of.js';
import { CAPTION_PROMPT } from '../default-prompts.js';
import { errorBody } from '../error-body.js';
import { formRequest } from '../intake/form-generation.js';
import { formValues } from '../intake/form-values.js';
import { type PictureForm, readForm } from '../intake/read-form.js';
import { requireQuestion } from '../intake/require-question.js';
import { InvalidField } from '../invalid-field.js';
import { ErrorAnswer, INFERENCE_ERRORS } from '../schemas/error-schema.js';
import { GENERATION_FIELDS, GENERATION_SCHEMAS, ImageField } from '../schemas/form-fields.js';
import type { App, ServerOptions } from '../server-options.js';
import { sse } from '../sse.js';
import { FORM_ROUTE } from './form-route.js';
import { InferenceMetricsSchema, SystemMetricsSchema } from './metrics.js';

const MAX_RUNS = 10_000;
const DEFAULT_RUNS = 10;
const TASKS: readonly BenchmarkTask[] = ['caption', 'vqa'];

const Runs = Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_RUNS, description: `Default ${DEFAULT_RUNS}.` }));
const Body = Type.Object({
  image: ImageField,
  task_type: Type.Optional(Type.Enum([...TASKS], { description: 'Default caption.' })),
  num_runs: Runs,
  question: Type.Optional(Type.String({ description: 'For task_type vqa.' })),
  prompt: Type.Optional(Type.String({ description: 'For task_type caption.' })),
  ...GENERATION_SCHEMAS,
});
const Seconds = Type.Number({ minimum: 0 });
const Results = Type.Object(
  {
    task_type: Type.Enum([...TASKS]),
    num_runs: Type.Integer({ minimum: 1 }),
    avg_latency: Seconds,
    p50_latency: Seconds,
    p90_latency: Seconds,
    p95_latency: Seconds,
    p99_latency: Seconds,
    min_latency: Seconds,
    max_latency: Seconds,
    latencies: Type.Array(Seconds),
    inference_metrics: InferenceMetricsSchema,
    system_metrics: SystemMetricsSchema,
    model: Type.String(),
    precision: Type.String(),
    lossy: Type.Array(Type.String()),
    time: Type.String(),
  },
  { description: 'Latencies in seconds. Every run does all of the work: nothing is taken from the one before.' },
);

/** `POST /benchmark`: answers with the results, or with progress as server-sent events where Accept asks for them. */
export function benchmarkRoute(app: App, options: ServerOptions): void {
  const { benchmark, limits, logger, resultsFile } = options;
  const save = async (results: BenchmarkResults): Promise<void> => {
    await mkdir(dirname(resultsFile), { recursive: true }).catch((cause: unknown) => {
      throw new EdgeVlmError('FILE_UNWRITABLE', 'the folder for results cannot be made', { cause });
    });
    await writeFileAtomically(resultsFile, (write) => write(Buffer.from(`${JSON.stringify(results, null, 2)}\n`)));
    logger.info('benchmark saved', { file: resultsFile, runs: results.num_runs });
  };
  app.post(
    '/benchmark',
    {
      ...FORM_ROUTE,
      schema: {
        summary: 'Measure this server on one picture; the results are also saved to benchmarks/results.json',
        operationId: 'benchmark',
        tags: ['Measurement'],
        consumes: ['multipart/form-data'],
        produces: ['application/json', 'text/event-stream'],
        body: Body,
        response: { 200: Results, ...INFERENCE_ERRORS, 409: ErrorAnswer },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request, reply);
      const form = await readForm(request, ['task_type', 'num_runs', 'question', 'prompt', ...GENERATION_FIELDS], limits);
      const task_type = taskOf(form);
      const { num_runs = DEFAULT_RUNS } = formValues(form, { num_runs: Runs });
      const text = task_type === 'vqa' ? requireQuestion(form) : (form.fields.get('prompt') ?? CAPTION_PROMPT);
      const runs = benchmark.run({ task_type, num_runs, request: formRequest(form, text, limits) }, caller);
      if (!(request.headers.accept ?? '').includes('text/event-stream')) {
        const results = await last(runs);
        await save(results);
        return results;
      }
      const first = await runs.next();
      return reply.type('text/event-stream').send(Readable.from(progress(first, runs, save), { highWaterMark: 1 }) as never);
    },
  );
}

function taskOf({ fields }: PictureForm): BenchmarkTask {
  const named = fields.get('task_type') ?? 'caption';
  const task = TASKS.find((name) => name === named);
  if (task === undefined) throw new InvalidField('task_type', `must be ${TASKS.join(' or ')}`);
  return task;
}

type RunsOfBenchmark = AsyncGenerator<BenchmarkProgress, BenchmarkResults, void>;

async function last(runs: RunsOfBenchmark): Promise<BenchmarkResults> {
  for (;;) {
    const next = await runs.next();
    if (next.done === true) return next.value;
  }
}

/** `progress` after every run, then `results` or `error`. */
async function* progress(
  first: IteratorResult<BenchmarkProgress, BenchmarkResults>,
  runs: RunsOfBenchmark,
  save: (results: BenchmarkResults) => Promise<void>,
): AsyncGenerator<string, void, void> {
  try {
    let next = first;
    for (; next.done !== true; next = await runs.next()) yield sse(next.value, 'progress');
    await save(next.value);
    yield sse(next.value, 'results');
  } catch (thrown) {
    yield sse(errorBody(EdgeVlmError.from(thrown)), 'error');
  } finally {
    // A reader that left must not leave the benchmark running.
    await runs.return(undefined as never);
  }
}
