import { stat } from 'node:fs/promises';
import { EdgeVlmError } from '../../core/errors.js';
import type { DetailedDescription, DetailedEvent, DetailedGenerator, GenerateRequest } from '../../core/generator.js';
import type { ScoredAnswer, ScoreRequest } from '../../core/runtime.js';
import { ChildProcess } from '../../host/child-process.js';
import { siblingEntry } from '../../host/sibling-entry.js';
import { ArrivalClock } from '../arrival-clock.js';
import type { EngineLoadOptions, EngineProtocol } from './engine-protocol.js';
import { preparePictures } from './prepare-pictures.js';

/** A model is given this long to load, and as long as its bytes take on a slow memory card: some 5 MB/s. */
const LOAD_MS = 120_000;
const BYTES_PER_MS = 5000;

/** The engine as a `Generator`, running in a process of its own. Pictures are prepared in this one. */
export class EngineGenerator implements DetailedGenerator {
  private constructor(
    readonly description: DetailedDescription,
    private readonly child: ChildProcess<EngineProtocol>,
  ) {}

  /**
   * Starts the process and loads the model.
   * @throws as `Engine.load`; ENGINE_CRASHED, ENGINE_TIMEOUT
   */
  static async start(
    options: EngineLoadOptions,
    { onLoadBytes, signal }: { onLoadBytes?: (done: number, total: number) => void; signal?: AbortSignal } = {},
  ): Promise<EngineGenerator> {
    // Without this ggml would start a debugger to print its own backtrace.
    const child = await ChildProcess.start<EngineProtocol>(siblingEntry('engine-worker', import.meta.url), {
      name: 'the engine',
      env: { GGML_NO_BACKTRACE: '1' },
    });
    try {
      const description = await child.request('load', options, {
        signal,
        deadline_ms: LOAD_MS + (await fileBytes([options.model, options.mmproj, options.draft?.model])) / BYTES_PER_MS,
        onEvent: ({ done, total }) => onLoadBytes?.(done, total),
      });
      return new EngineGenerator(description, child);
    } catch (thrown) {
      await child.stop();
      throw thrown;
    }
  }

  /** The engine's process id. */
  get pid(): number | undefined {
    return this.child.pid;
  }

  /** @throws as `TextEngine.generate` and `preparePictures`; ENGINE_CRASHED */
  async *generate(request: GenerateRequest, signal?: AbortSignal): AsyncGenerator<DetailedEvent, void, void> {
    const clock = new ArrivalClock();
    const prepared = await preparePictures(request, this.description.vision);
    const prepare_ms = clock.timings().total_ms;
    let stream = this.child.stream('generate', prepared, { signal });
    let first: Awaited<ReturnType<typeof stream.next>> | undefined;
    try {
      first = await stream.next();
    } catch (thrown) {
      if (!(thrown instanceof EdgeVlmError && thrown.code === 'IMAGE_FORGOTTEN')) throw thrown;
      stream = this.child.stream('generate', await preparePictures(request, this.description.vision, true), { signal });
    }
    for (;;) {
      const next = first ?? (await stream.next());
      first = undefined;
      if (next.done === true) {
        const timings = { ...next.value.timings, prepare_ms, ...clock.timings() };
        yield { type: 'done', result: { ...next.value, timings, tokenTimes_ms: clock.tokenTimes_ms } };
        return;
      }
      clock.mark(next.value.text);
      yield next.value;
    }
  }

  /** As `OpenRuntime.score`. */
  async score({ input, tokens }: ScoreRequest, signal?: AbortSignal): Promise<ScoredAnswer> {
    const prepared = await preparePictures({ input, maxTokens: tokens.length + 1 }, this.description.vision, true);
    return this.child.request('score', { input: prepared.input, tokens }, { signal });
  }

  async close(): Promise<void> {
    await this.child.stop();
  }
}

/** Together. Absent files are the engine's to report. */
async function fileBytes(paths: readonly (string | undefined)[]): Promise<number> {
  const sizes = await Promise.all(
    paths.map(async (path) =>
      path === undefined
        ? 0
        : stat(path).then(
            ({ size }) => size,
            () => 0,
          ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
