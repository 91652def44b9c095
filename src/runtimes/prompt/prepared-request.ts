import type { ChatMessage, GenerateRequest, ImagePart, TextPart } from '../../core/generator.js';

/** What the engine's own process takes: every picture is tiles already. */
export type PreparedPart = TextPart | ImagePart;
export type PreparedMessage = ChatMessage<PreparedPart>;
export type PreparedRequest = GenerateRequest<PreparedPart>;
