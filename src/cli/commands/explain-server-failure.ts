import type { TtftSettings } from '../../bench/scenarios/ttft/ttft-settings.js';
import { EdgeVlmError } from '../../core/errors.js';

/** What to do about what the runtime said, in words of this command. The first that fits is given. */
const HINTS: readonly { readonly when: RegExp; readonly hint: (settings: TtftSettings) => string }[] = [
  {
    when: /ECONNREFUSED/,
    hint: () =>
      'Start the server, and compare its host and port with LLAMACPP_API_BASE_URL (--api-base-url); one in a container must listen on 0.0.0.0.',
  },
  { when: /ENOTFOUND|EAI_AGAIN/, hint: () => 'Correct the name of the host in LLAMACPP_API_BASE_URL (--api-base-url).' },
  {
    when: /EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|said nothing/,
    hint: () => 'Look at the network, the firewall and the log of the server: it may still be loading its model.',
  },
  { when: /answers 40[13]\b/, hint: () => 'Set EDGEVLM_API_KEY to a key that the server knows.' },
  {
    when: /answers 4\d\d: .*model/i,
    hint: ({ modelAlias }) =>
      modelAlias === null
        ? 'This server wants a name: set LLAMACPP_MODEL_ALIAS (--model-alias) to one that its /v1/models lists.'
        : 'Set LLAMACPP_MODEL_ALIAS (--model-alias) to a name that /v1/models of the server lists, or to None to leave it out.',
  },
  {
    when: /answers 40[45]\b/,
    hint: () =>
      'LLAMACPP_API_BASE_URL (--api-base-url) is the address before /v1/completions; and the server must have that call, not only chats.',
  },
  {
    when: /no answer of this API|broke its answer off|answers 3\d\d\b/,
    hint: () =>
      'Look whether LLAMACPP_API_BASE_URL (--api-base-url) is the address of an OpenAI-compatible API: something else may listen there.',
  },
];

/** The same failure of the server with a hint that names this command's settings. */
export function explainServerFailure(error: EdgeVlmError, settings: TtftSettings): EdgeVlmError {
  const found = HINTS.find(({ when }) => when.test(error.message));
  return found === undefined ? error : new EdgeVlmError(error.code, error.message, { cause: error, hint: found.hint(settings) });
}
