import type { ChatMessage, GenerateRequest, TextPart } from '../../core/generator.js';
import type { PromptImage } from '../../core/image.js';

/** What the engine's own process takes: every picture is tiles already, or known to it. */
export type PreparedPart = TextPart | { readonly type: 'image'; readonly image: PromptImage };
export type PreparedMessage = ChatMessage<PreparedPart>;
export type PreparedRequest = GenerateRequest<PreparedPart>;
