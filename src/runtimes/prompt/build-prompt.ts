import { EdgeVlmError } from '../../core/errors.js';
import type { ImagePreprocessing, PromptImage } from '../../core/image.js';
import type { PromptPiece } from '../../engine/prompt.js';
import { longestRun } from '../../engine/vocabulary/longest-run.js';
import type { Vocabulary } from '../../engine/vocabulary/vocabulary.js';
import type { ChatTemplate, TemplateMessage } from './chat-template.js';
import { expandImage, IMAGE_MARKER, type PromptPart } from './image-prompt.js';
import type { PreparedMessage, PreparedRequest } from './prepared-request.js';

export interface PromptContext {
  readonly vocabulary: Vocabulary;
  readonly template: ChatTemplate | null;
  readonly vision: ImagePreprocessing | null;
  /** Spellings that must not be read as control tokens when a user writes them. */
  readonly controlTokens: readonly string[];
  /** More bytes than any prompt that fits the context can have. */
  readonly maxBytes: number;
  /** How long a stretch of text, or of white space, may be. Default: as long as the prompt. */
  readonly maxRun?: number;
}

/** Invisible, and enough to make a control token's spelling ordinary text. */
const ZERO_WIDTH_SPACE = '\u200b';

/**
 * Turns a request into token ids and tiles.
 * @throws MMPROJ_MISSING for a picture on a text model; TEMPLATE_FAILED; TOKENIZER_FAILED; CONTEXT_FULL
 */
export function buildPrompt(input: PreparedRequest['input'], context: PromptContext): { pieces: PromptPiece[]; warnings: string[] } {
  const warnings: string[] = [];
  const parts: PromptPart[] = 'prompt' in input ? [{ type: 'text', text: input.prompt }] : chatParts(input.messages, context, warnings);
  const bytes = parts.reduce((sum, part) => sum + (part.type === 'text' ? Buffer.byteLength(part.text) : 0), 0);
  // Before the tokeniser works on it: a hostile template can make megabytes of a few words.
  if (bytes > context.maxBytes) throw new EdgeVlmError('CONTEXT_FULL', `the prompt has ${bytes} bytes, more than any that fits`);
  const { maxRun = Infinity } = context;
  if (bytes > maxRun && parts.some((part) => part.type === 'text' && longestRun(part.text) > maxRun)) {
    throw new EdgeVlmError('TOKENIZER_FAILED', `the prompt has more than ${maxRun} characters without white space, or of it`);
  }
  return { pieces: tokeniseParts(parts, context.vocabulary), warnings };
}

function chatParts(messages: readonly PreparedMessage[], context: PromptContext, warnings: string[]): PromptPart[] {
  const { template, vision } = context;
  const images = messages.flatMap(({ content }) => content.flatMap((part) => (part.type === 'image' ? [part.image] : [])));
  if (images.length > 0 && vision === null) throw new EdgeVlmError('MMPROJ_MISSING', 'this model was loaded without its vision half');
  const reserved = vision === null ? context.controlTokens : [...context.controlTokens, IMAGE_MARKER];
  const clean = messages.map((message) => withoutControlTokens(message, reserved, warnings));
  if (template === null) warnings.push('the model has no chat template: the messages were joined as they are');
  const rendered =
    template === null
      ? clean.map(({ content }) => asString(content)).join('\n')
      : template.render(
          clean.map(({ role, content }): TemplateMessage => ({
            role,
            content: template.takesParts ? asParts(content) : asString(content),
          })),
        );
  return placeImages(rendered, images, vision);
}

function placeImages(rendered: string, images: readonly PromptImage[], vision: ImagePreprocessing | null): PromptPart[] {
  if (vision === null || images.length === 0) return [{ type: 'text', text: rendered }];
  const texts = rendered.split(IMAGE_MARKER);
  if (texts.length !== images.length + 1) {
    throw new EdgeVlmError('TEMPLATE_FAILED', `the chat template placed ${texts.length - 1} of ${images.length} pictures`);
  }
  return texts.flatMap((text, i): PromptPart[] => {
    const image = images[i];
    return [{ type: 'text', text }, ...(image === undefined ? [] : expandImage(image, vision.kind))];
  });
}

/** Neighbouring texts are tokenised as one, as HF does before it puts the pictures in. */
function tokeniseParts(parts: readonly PromptPart[], vocabulary: Vocabulary): PromptPiece[] {
  const pieces: PromptPiece[] = [];
  let text = '';
  let first = true;
  const flush = (): void => {
    const hasBos = vocabulary.bos >= 0 && text.startsWith(vocabulary.text(vocabulary.bos));
    const tokens = vocabulary.tokenise(text, { addSpecial: first && !hasBos, parseSpecial: true });
    if (tokens.length > 0) pieces.push({ type: 'tokens', tokens });
    first = false;
    text = '';
  };
  for (const part of parts) {
    if (part.type === 'text') {
      text += part.text;
    } else {
      flush();
      pieces.push(part);
    }
  }
  flush();
  return pieces;
}

/** Templates may join the texts of a message, so a spelling that begins in one part and ends in a later one counts, too. */
function withoutControlTokens(message: PreparedMessage, spellings: readonly string[], warnings: string[]): PreparedMessage {
  const warn = (spelling: string): void => {
    warnings.push(`"${spelling}" in the text was taken as ordinary text`);
  };
  const clean = (text: string): string =>
    spellings.reduce((result, spelling) => {
      if (!result.includes(spelling)) return result;
      warn(spelling);
      return result.replaceAll(spelling, spelling.slice(0, 1) + ZERO_WIDTH_SPACE + spelling.slice(1));
    }, text);
  let before = '';
  const content = message.content.map((part) => {
    if (part.type !== 'text') return part;
    let text = clean(part.text);
    const across = spellings.find((spelling) => (before + text).includes(spelling));
    if (across !== undefined) {
      warn(across);
      text = ZERO_WIDTH_SPACE + text;
    }
    before += text;
    return { ...part, text };
  });
  return { ...message, content };
}

function asString(content: PreparedMessage['content']): string {
  return content.map((part) => (part.type === 'text' ? part.text : IMAGE_MARKER)).join('');
}

function asParts(content: PreparedMessage['content']): TemplateMessage['content'] {
  return content.map((part) => (part.type === 'text' ? { type: 'text', text: part.text } : { type: 'image' }));
}
