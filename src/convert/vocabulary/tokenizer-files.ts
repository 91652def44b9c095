import { join } from 'node:path';
import { Type, type Static, type TSchema } from 'typebox';
import { readJson } from '../read-json.js';
import { readSmallFile } from '../read-small-file.js';

function optional<Schema extends TSchema>(schema: Schema) {
  return Type.Optional(Type.Union([schema, Type.Null()]));
}

const Id = Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1 });

/** A step of a tokenizer; which other keys it has depends on `type`. */
const Step = Type.Object({ type: Type.String() });

const TokenizerJson = Type.Object({
  added_tokens: optional(Type.Array(Type.Object({ id: Id, content: Type.String(), special: Type.Boolean() }))),
  normalizer: optional(Step),
  pre_tokenizer: optional(Step),
  post_processor: optional(Step),
  decoder: optional(Step),
  model: Type.Object({
    type: optional(Type.String()),
    vocab: Type.Unknown(),
    merges: Type.Optional(Type.Unknown()),
    byte_fallback: optional(Type.Boolean()),
    unk_token: optional(Type.String()),
  }),
});

const NamedToken = optional(Type.Union([Type.String(), Type.Object({ content: Type.String() })]));
const NamedTemplate = Type.Object({ name: Type.String(), template: Type.String() });
const ChatTemplate = Type.Union([Type.String(), Type.Array(NamedTemplate)]);

const TokenizerConfig = Type.Object({
  add_bos_token: optional(Type.Boolean()),
  add_eos_token: optional(Type.Boolean()),
  add_sep_token: optional(Type.Boolean()),
  add_prefix_space: optional(Type.Boolean()),
  bos_token: NamedToken,
  eos_token: NamedToken,
  unk_token: NamedToken,
  sep_token: NamedToken,
  pad_token: NamedToken,
  cls_token: NamedToken,
  mask_token: NamedToken,
  chat_template: optional(ChatTemplate),
  added_tokens_decoder: optional(Type.Record(Type.String(), Type.Object({ content: Type.String(), special: optional(Type.Boolean()) }))),
});

/** Token ids may also be lists (several ends of text), which have no GGUF key. */
const Ids = Type.Object({
  bos_token_id: Type.Optional(Type.Unknown()),
  eos_token_id: Type.Optional(Type.Unknown()),
  unk_token_id: Type.Optional(Type.Unknown()),
  sep_token_id: Type.Optional(Type.Unknown()),
  pad_token_id: Type.Optional(Type.Unknown()),
  mask_token_id: Type.Optional(Type.Unknown()),
});
const ModelConfig = Type.Intersect([Ids, Type.Object({ text_config: optional(Ids) })]);
const ChatTemplateJson = Type.Object({ chat_template: Type.Optional(ChatTemplate) });
const AddedTokens = Type.Record(Type.String(), Id);

export type TokenizerJson = Static<typeof TokenizerJson>;
export type TokenizerConfig = Static<typeof TokenizerConfig>;
export type ModelConfig = Static<typeof ModelConfig>;
export type ChatTemplate = Static<typeof ChatTemplate>;

/** What a checkpoint says of its tokenizer, each file checked for its shape; absent files are undefined. */
export interface TokenizerFiles {
  readonly folder: string;
  /** tokenizer.model, a SentencePiece model. */
  readonly sentencePiece: Buffer | undefined;
  readonly tokenizer: TokenizerJson | undefined;
  readonly config: TokenizerConfig | undefined;
  readonly modelConfig: ModelConfig | undefined;
  readonly addedTokens: Readonly<Record<string, number>> | undefined;
  /** From chat_template.jinja or chat_template.json, newer places than tokenizer_config.json. */
  readonly chatTemplate: ChatTemplate | undefined;
}

/** @throws EdgeVlmError CHECKPOINT_INVALID, FILE_UNREADABLE. */
export async function readTokenizerFiles(folder: string): Promise<TokenizerFiles> {
  const jinja = await readSmallFile(join(folder, 'chat_template.jinja'));
  return {
    folder,
    sentencePiece: await readSmallFile(join(folder, 'tokenizer.model')),
    tokenizer: await readJson(join(folder, 'tokenizer.json'), TokenizerJson),
    config: await readJson(join(folder, 'tokenizer_config.json'), TokenizerConfig),
    modelConfig: await readJson(join(folder, 'config.json'), ModelConfig),
    addedTokens: await readJson(join(folder, 'added_tokens.json'), AddedTokens),
    chatTemplate: jinja?.toString('utf8') ?? (await readJson(join(folder, 'chat_template.json'), ChatTemplateJson))?.chat_template,
  };
}
