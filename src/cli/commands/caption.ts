import type { Command } from 'commander';
import { EdgeVlmError } from '../../core/errors.js';
import { NO_PROGRESS, ProgressTask } from '../../core/progress.js';
import { answer } from '../answer.js';
import { listPictures } from '../list-pictures.js';
import { addCacheOptions, type CacheFlags } from '../options/cache-options.js';
import { addConfigOption, type ConfigOptions } from '../options/config-option.js';
import { addDecodingOptions, type DecodingFlags } from '../options/decoding-options.js';
import { addGenerationOptions, generationRequest, type GenerationOptions } from '../options/generation-options.js';
import { addModelOptions, type ModelOptions } from '../options/model-options.js';
import { addOutputOptions } from '../options/output-options.js';
import { prepareTimed } from '../prepare-timed.js';
import { readGrammar } from '../read-grammar.js';
import type { Session } from '../session.js';
import { startEngine, visionOf } from '../start-engine.js';
import { userMessage } from '../user-message.js';

interface CaptionOptions extends ModelOptions, DecodingFlags, CacheFlags, GenerationOptions, ConfigOptions {
  readonly prompt: string;
}

/** `edgevlm caption IMAGE…` */
export function caption(program: Command, session: Session): void {
  const command = program
    .command('caption')
    .description('Describe pictures. The next ones are prepared while the engine works.')
    .argument('<image...>', 'pictures, or folders of pictures')
    .option('--prompt <text>', 'what to ask for', 'Describe the picture.');
  addOutputOptions(addGenerationOptions(addCacheOptions(addDecodingOptions(addModelOptions(command)))));
  addConfigOption(command, session).action((paths: string[], options: CaptionOptions) => captionPictures(paths, options, session));
}

async function captionPictures(paths: readonly string[], options: CaptionOptions, session: Session): Promise<void> {
  const { terminal, signal } = session;
  const grammar = await readGrammar(options);
  const { pictures, failures } = await listPictures(paths);
  const [only] = failures;
  if (pictures.length === 0 && failures.length === 1 && only !== undefined) throw only.error;
  for (const { image, error } of failures) terminal.itemError({ image }, error);
  if (pictures.length === 0) return;

  const isOne = paths.length === 1 && pictures[0] === paths[0];
  const engine = await startEngine(options, session, { vision: true });
  // On a terminal that shows the captions as they come, they are the progress.
  const progress = isOne || terminal.isLive ? NO_PROGRESS : terminal.progress;
  const task = new ProgressTask(progress, { label: 'caption', unit: 'images', total: pictures.length });
  try {
    for await (const { path, outcome, prepare_ms } of prepareTimed(pictures, visionOf(engine), signal)) {
      try {
        if ('error' in outcome) throw outcome.error;
        const input = { messages: [userMessage([outcome.image], options.prompt)] };
        const request = { input, ...generationRequest(options), ...(grammar && { grammar }) };
        const { timings, configWarnings } = options;
        const fields = (text: string): object => ({ image: path, caption: text });
        await answer(
          engine,
          request,
          { prefix: isOne ? '' : `${path}: `, oneLine: !isOne, prepare_ms, timings, configWarnings, fields },
          session,
        );
      } catch (thrown) {
        const error = EdgeVlmError.from(thrown);
        if (isOne || endsEverything(error)) throw error;
        terminal.itemError({ image: path }, error);
      }
      task.advance();
    }
  } finally {
    task.end();
    await engine.close();
  }
}

/** Whether the next picture could not fare better. */
function endsEverything({ code }: EdgeVlmError): boolean {
  return code === 'CANCELLED' || code === 'USAGE' || /^(ENGINE|GRAMMAR|SCHEMA)_/.test(code);
}
