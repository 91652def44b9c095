/** What asks for a caption wherever a model is judged: results of different commands are comparable. */
export const CAPTION_PROMPT = 'Describe the picture.';
/** New tokens at most: of a caption, more than nine objects take in any wording, and of an answer. */
export const EVALUATION_LIMITS = { captionTokens: 256, answerTokens: 24 } as const;
