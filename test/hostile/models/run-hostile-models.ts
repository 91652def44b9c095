import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspectModel } from '../../../src/catalogue/inspect-model.js';
import { EdgeVlmError } from '../../../src/core/errors.js';
import type { ImagePreprocessing } from '../../../src/core/image.js';
import { ChildProcess } from '../../../src/host/child-process.js';
import type { PreparedMessage } from '../../../src/runtimes/prompt/prepared-request.js';
import { preprocessImage } from '../../../src/vision/prepare-image.js';
import type { HostileEngineProtocol } from '../children/hostile-engine.js';
import { type HostileReport, type HostileRunOptions, recordCase, REFUSALS } from '../hostile-run.js';
import { type HostileModel, hostileModel } from './hostile-model.js';
import { encodeRawGguf } from './raw-gguf.js';
import type { SeedModel } from './seed-models.js';

/** A case is a hang after this long. Sound ones take some 20 ms; a template may use a second each time it is rendered. */
const DEADLINE_MS = 30_000;
/** A new process now and then, so that a fault does not hide behind a process that an earlier case has changed. */
const CASES_PER_PROCESS = 2000;
/** Far above what a tiny model needs, far below what a machine has. */
const MAX_RSS_BYTES = 1.5e9;
const MAX_TOKENS = 4;
const SIDE = 24;
const PICTURE = { width: SIDE, height: SIDE, rgb: Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, i) => (i * 37) % 256), hash: 'picture' };

/**
 * Puts hostile models, from `report.next` to before `end`, through what a user does with a model: look at it, load it, ask it.
 * @param folder where the files of the case lie
 */
export async function runHostileModels(
  seeds: readonly SeedModel[],
  folder: string,
  report: HostileReport,
  end: number,
  { signal, onCase }: HostileRunOptions = {},
): Promise<void> {
  const engine = new HostileEngine(folder);
  try {
    const answers = new Map<string, string>();
    for (const { name, model, mmproj } of seeds) {
      answers.set(name, await engine.ask({ model: encodeRawGguf(model), mmproj: mmproj === null ? null : encodeRawGguf(mmproj) }));
    }
    for (; report.next < end && signal?.aborted !== true; await onCase?.(report)) {
      const hostile = hostileModel(seeds, report.campaign, report.next);
      const expected = answers.get(hostile.seed);
      await recordCase(report, `${hostile.seed}, ${hostile.what}`, async (fail) => {
        try {
          const answer = await engine.ask(hostile);
          if (hostile.harmless && answer !== expected) fail(`answers ${answer} instead of ${expected}`);
          return 'sound';
        } catch (thrown) {
          const { code, message, cause } = EdgeVlmError.from(thrown);
          // A vocabulary without the characters that were asked with.
          const isEmpty = code === 'USAGE' && message === 'the prompt is empty';
          if (hostile.harmless || !(isEmpty || REFUSALS.has(code))) fail(`${code}: ${message} ${cause instanceof Error ? cause.stack : ''}`);
          return code;
        } finally {
          if (engine.rssBytes > MAX_RSS_BYTES) fail(`the process holds ${engine.rssBytes} bytes`);
          report.peakRssBytes = Math.max(report.peakRssBytes, engine.rssBytes);
          if (engine.cases >= CASES_PER_PROCESS || engine.rssBytes > MAX_RSS_BYTES) await engine.stop();
        }
      });
    }
  } finally {
    await engine.stop();
  }
}

/** An engine process that is started when it is needed. */
class HostileEngine {
  /** Of this process. */
  cases = 0;
  /** After the last of them. */
  rssBytes = 0;
  #child: ChildProcess<HostileEngineProtocol> | undefined;

  constructor(private readonly folder: string) {}

  /** Tokens of a model's answer. @throws what a user would see */
  async ask(halves: Pick<HostileModel, 'model' | 'mmproj'>): Promise<string> {
    const model = join(this.folder, 'model.gguf');
    const mmproj = join(this.folder, 'mmproj.gguf');
    await writeFile(model, halves.model);
    if (halves.mmproj !== null) await writeFile(mmproj, halves.mmproj);
    this.cases++;
    await inspectModel(model);
    const child = (this.#child ??= await startEngine());
    const deadline = { deadline_ms: DEADLINE_MS };
    try {
      const { vision } = await child.request('load', { model, ...(halves.mmproj !== null && { mmproj }), threads: 1 }, deadline);
      const tokens = await child.request('generate', { input: { messages: [await message(vision)] }, maxTokens: MAX_TOKENS }, deadline);
      return tokens.join();
    } finally {
      await child.request('unload', null, deadline).then(
        (bytes) => (this.rssBytes = bytes),
        async () => this.stop(),
      );
    }
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    this.cases = 0;
    this.rssBytes = 0;
    await child?.stop();
  }
}

function startEngine(): Promise<ChildProcess<HostileEngineProtocol>> {
  // As EngineGenerator starts its own.
  return ChildProcess.start(new URL('../children/hostile-engine.ts', import.meta.url), { name: 'the engine', env: { GGML_NO_BACKTRACE: '1' } });
}

async function message(vision: ImagePreprocessing | null): Promise<PreparedMessage> {
  const text = { type: 'text', text: 'What is 3 + 4?\n' } as const;
  if (vision === null) return { role: 'user', content: [text] };
  return { role: 'user', content: [{ type: 'image', image: await preprocessImage(PICTURE, vision) }, text] };
}
