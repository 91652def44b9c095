import type { Command } from 'commander';
import { EdgeVlmError } from '../../core/errors.js';
import { answerOnce } from '../answer-once.js';
import { addCacheOptions, type CacheFlags } from '../options/cache-options.js';
import { addConfigOption, type ConfigOptions } from '../options/config-option.js';
import { addDecodingOptions, type DecodingFlags } from '../options/decoding-options.js';
import { addGenerationOptions, type GenerationOptions } from '../options/generation-options.js';
import { addModelOptions, type ModelOptions } from '../options/model-options.js';
import { addOutputOptions } from '../options/output-options.js';
import { repeatable } from '../options/repeatable.js';
import type { Session } from '../session.js';
import { userMessage } from '../user-message.js';

interface GenerateOptions extends ModelOptions, DecodingFlags, CacheFlags, GenerationOptions, ConfigOptions {
  readonly prompt: string;
  readonly image: readonly string[];
  readonly raw?: true;
}

/** `edgevlm generate --prompt P` */
export function generate(program: Command, session: Session): void {
  const command = program
    .command('generate')
    .description("Continue a conversation, through the model's chat template, or with --raw any text.")
    .requiredOption('--prompt <text>', 'what to say to the model')
    .option('--raw', 'hand the prompt to the model as it is, control tokens included')
    .addOption(repeatable('--image <file>', 'a picture to show it first'));
  addOutputOptions(addGenerationOptions(addCacheOptions(addDecodingOptions(addModelOptions(command)))));
  addConfigOption(command, session).action(async (options: GenerateOptions) => {
    const { prompt, image, raw } = options;
    if (raw && image.length > 0) throw new EdgeVlmError('USAGE', '--raw cannot be combined with --image: the template places pictures');
    await answerOnce(
      {
        pictures: image,
        input: (images) => (raw ? { prompt } : { messages: [userMessage(images, prompt)] }),
        fields: (text) => ({ prompt, text }),
      },
      options,
      session,
    );
  });
}
