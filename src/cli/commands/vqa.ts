import type { Command } from 'commander';
import { answerOnce } from '../answer-once.js';
import { addCacheOptions, type CacheFlags } from '../options/cache-options.js';
import { addConfigOption, type ConfigOptions } from '../options/config-option.js';
import { addDecodingOptions, type DecodingFlags } from '../options/decoding-options.js';
import { addGenerationOptions, type GenerationOptions } from '../options/generation-options.js';
import { addModelOptions, type ModelOptions } from '../options/model-options.js';
import { addOutputOptions } from '../options/output-options.js';
import type { Session } from '../session.js';
import { userMessage } from '../user-message.js';

interface VqaOptions extends ModelOptions, DecodingFlags, CacheFlags, GenerationOptions, ConfigOptions {
  readonly question: string;
}

/** `edgevlm vqa IMAGE --question Q` */
export function vqa(program: Command, session: Session): void {
  const command = program
    .command('vqa')
    .description('Answer a question about a picture.')
    .argument('<image>', 'a picture')
    .requiredOption('--question <text>', 'what to answer');
  addOutputOptions(addGenerationOptions(addCacheOptions(addDecodingOptions(addModelOptions(command)))));
  addConfigOption(command, session).action(async (image: string, options: VqaOptions) => {
    const { question } = options;
    await answerOnce(
      {
        pictures: [image],
        input: (images) => ({ messages: [userMessage(images, question)] }),
        fields: (answer) => ({ image, question, answer }),
      },
      options,
      session,
    );
  });
}
