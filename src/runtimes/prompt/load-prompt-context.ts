import { EdgeVlmError } from '../../core/errors.js';
import type { ImagePreprocessing } from '../../core/image.js';
import { checkVocabulary, MAX_TOKEN_BYTES } from '../../engine/vocabulary/check-vocabulary.js';
import { maxRun } from '../../engine/vocabulary/longest-run.js';
import { Vocabulary } from '../../engine/vocabulary/vocabulary.js';
import type { GgufFile } from '../../formats/gguf/read-gguf.js';
import type { PromptContext } from './build-prompt.js';
import { ChatTemplate } from './chat-template.js';
import { defaultChatTemplate } from './default-chat-template.js';

interface PromptedModel {
  /** How pictures are prepared; null for a text model. */
  readonly vision: ImagePreprocessing | null;
  /** Tokens. */
  readonly contextLength: number;
  /** Rows of the model's embedding. */
  readonly vocabularySize: number;
}

/**
 * Loads the tokeniser and the chat template of a GGUF file. The caller disposes of the vocabulary.
 * @param file checked by `readGguf`: libllama sees it here
 * @throws TOKENIZER_FAILED, TEMPLATE_FAILED, MODEL_INCOMPLETE
 */
export function loadPromptContext(file: GgufFile, model: PromptedModel): PromptContext {
  const { path, metadata } = file;
  checkVocabulary(path, metadata);
  const vocabulary = new Vocabulary(path);
  try {
    if (vocabulary.size > model.vocabularySize) {
      throw new EdgeVlmError('MODEL_INCOMPLETE', `the tokeniser knows ${vocabulary.size} tokens, the model ${model.vocabularySize}`);
    }
    const source = metadata.string('tokenizer.chat_template', defaultChatTemplate(model.vision) ?? '');
    const spelling = (token: number): string => (token < 0 ? '' : vocabulary.text(token));
    return {
      vocabulary,
      template:
        source === '' ? null : new ChatTemplate(source, { bos_token: spelling(vocabulary.bos), eos_token: spelling(vocabulary.eos) }),
      vision: model.vision,
      controlTokens: controlSpellings(vocabulary),
      maxBytes: model.contextLength * MAX_TOKEN_BYTES,
      maxRun: maxRun(metadata),
    };
  } catch (thrown) {
    vocabulary[Symbol.dispose]();
    throw thrown;
  }
}

function controlSpellings(vocabulary: Vocabulary): string[] {
  return (
    Array.from({ length: vocabulary.size }, (_, token) => token)
      .filter((token) => vocabulary.isControl(token))
      .map((token) => vocabulary.text(token))
      // A C string may be empty though the token is not, and would be found everywhere.
      .filter((text) => text !== '')
  );
}
