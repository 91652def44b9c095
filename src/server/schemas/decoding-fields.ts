import { type Static, type TObject, Type } from 'typebox';
import { DECODING_STRATEGIES, type DecodingOptions, EXIT_GATES, VERIFICATIONS } from '../../core/decoding.js';

/** The bounds are the engine's. */
const MAX_TOKENS = 64;
const MAX_LAYERS = 1024;
const Tokens = (description: string) => Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_TOKENS, description }));
const Share = Type.Number({ minimum: 0, maximum: 1 });

/**
 * How an answer's tokens are found, as requests say it: forms beside their other fields, JSON within `decoding`, where `strategy` is
 * what forms call `decoding`. `DecodingOptions` has the same in the engine's words.
 */
export const DECODING_FIELDS = {
  draft_tokens: Tokens('Tokens guessed ahead, at most. Default 4.'),
  adaptive: Type.Optional(Type.Boolean({ description: 'Whether fewer or none are guessed where that is faster. Default true.' })),
  verification: Type.Optional(Type.Enum([...VERIFICATIONS], { description: 'match, the default, says what plain decoding says.' })),
  ngram_min: Tokens('Tokens that must repeat before ngram guesses. Default 2.'),
  ngram_max: Tokens('And how many it looks at. Default 4.'),
  draft_layers: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_LAYERS, description: 'Layers that guess in self-speculative.' })),
  exit_layers: Type.Optional(
    Type.Array(Type.Integer({ minimum: 1, maximum: MAX_LAYERS }), {
      minItems: 1,
      maxItems: MAX_LAYERS,
      description: 'Rising; in forms 2,4.',
    }),
  ),
  exit_threshold: Type.Optional(
    Type.Union([Share, Type.Array(Share, { minItems: 1, maxItems: MAX_LAYERS })], {
      description: 'One for all exits, or one for each; in forms 0.8,0.9.',
    }),
  ),
  exit_gate: Type.Optional(Type.Enum([...EXIT_GATES], { description: 'What a token must be sure by.' })),
  exit_decay: Type.Optional(Type.Number({ minimum: 0, maximum: 100, description: 'How fast the threshold falls along the answer.' })),
} as const;

export const StrategyName = Type.Enum([...DECODING_STRATEGIES], { description: 'How tokens are found; docs/OPTIMIZATIONS.md.' });

export type DecodingFields = Static<TObject<typeof DECODING_FIELDS>> & { readonly strategy?: Static<typeof StrategyName> };

/** The same in the engine's words; undefined where nothing is said. */
export function decodingOptions(fields: DecodingFields): DecodingOptions | undefined {
  const { strategy, draft_tokens, adaptive, verification, ngram_min, ngram_max, draft_layers, exit_layers } = fields;
  const { exit_threshold, exit_gate, exit_decay } = fields;
  const options: DecodingOptions = {
    ...(strategy !== undefined && { strategy }),
    ...(draft_tokens !== undefined && { draftTokens: draft_tokens }),
    ...(adaptive !== undefined && { adaptive }),
    ...(verification !== undefined && { verification }),
    ...(ngram_min !== undefined && { ngramMin: ngram_min }),
    ...(ngram_max !== undefined && { ngramMax: ngram_max }),
    ...(draft_layers !== undefined && { draftLayers: draft_layers }),
    ...(exit_layers !== undefined && { exitLayers: exit_layers }),
    ...(exit_threshold !== undefined && { exitThreshold: exit_threshold }),
    ...(exit_gate !== undefined && { exitGate: exit_gate }),
    ...(exit_decay !== undefined && { exitDecay: exit_decay }),
  };
  return Object.keys(options).length === 0 ? undefined : options;
}
