/** What `/caption` asks the model where the client does not say; the same as `edgevlm caption`. */
export const CAPTION_PROMPT = 'Describe the picture.';
/** Longest text that a field may hold, characters. */
export const LONGEST_QUESTION = 32_768;
