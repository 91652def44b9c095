import { InvalidField } from '../invalid-field.js';

/**
 * Fields of OpenAI's, llama-server's and vLLM's that change an answer and cannot be obeyed, with the values besides null, false, 0 and
 * nothing at all that ask for no change. Others that are not known change nothing: `user`, `store`, `metadata`, `service_tier`, …
 */
const NOT_OBEYED: Readonly<Record<string, readonly unknown[]>> = {
  ...{ tools: [], tool_choice: ['none', 'auto'], functions: [], function_call: ['none', 'auto'] },
  ...{ logit_bias: [], audio: [], modalities: [], best_of: [1], echo: [], suffix: [], web_search_options: [] },
  ...{ reasoning_effort: ['none'], verbosity: ['medium'] },
  // llama-server's; what it takes for off.
  ...{
    typical_p: [1],
    top_n_sigma: [-1],
    xtc_probability: [],
    dynatemp_range: [],
    mirostat: [],
    dry_multiplier: [],
    adaptive_target: [-1],
  },
  ...{
    ignore_eos: [],
    n_indent: [],
    n_keep: [],
    n_probs: [],
    min_keep: [],
    samplers: [],
    t_max_predict_ms: [-1],
    lora: [],
    json_schema: [],
  },
  ...{ post_sampling_probs: [], return_tokens: [], response_fields: [], grammar_lazy: [], grammar_triggers: [] },
  ...{ chat_template_kwargs: [], add_generation_prompt: [true], continue_final_message: [], n_cmpl: [1] },
  // vLLM's and transformers'.
  ...{ repetition_penalty: [1], min_tokens: [], length_penalty: [1], use_beam_search: [], stop_token_ids: [], bad_words: [] },
  ...{ guided_json: [], guided_regex: [], guided_choice: [], guided_grammar: [], structured_outputs: [] },
};
/** What does the same here. */
const INSTEAD: Readonly<Record<string, string>> = {
  repetition_penalty: 'repeat_penalty',
  json_schema: 'response_format',
  guided_json: 'response_format',
  structured_outputs: 'response_format',
  guided_grammar: 'grammar',
  n_probs: 'logprobs',
};

/** Silence would be a lie. @throws REQUEST_INVALID */
export function refuseUnobeyed(body: object): void {
  for (const [name, value] of Object.entries(body)) {
    const neutral = Object.hasOwn(NOT_OBEYED, name) ? NOT_OBEYED[name] : undefined;
    if (neutral === undefined || !isAsked(value) || neutral.includes(value)) continue;
    if (name === 'modalities' && Array.isArray(value) && value.every((modality) => modality === 'text')) continue;
    const instead = INSTEAD[name];
    throw new InvalidField(name, instead === undefined ? 'is not supported' : `is not supported; ${instead} is`);
  }
}

function isAsked(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === 0 || value === '') return false;
  if (Array.isArray(value)) return value.length > 0;
  return typeof value !== 'object' || Object.keys(value).length > 0;
}
