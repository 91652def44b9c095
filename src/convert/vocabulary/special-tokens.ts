import { Type } from 'typebox';
import { Value } from 'typebox/value';
import type { GgufValue } from '../../formats/gguf/gguf-value.js';
import type { TokenizerFiles } from './tokenizer-files.js';

/** Kinds of special token with their GGUF key, in the order llama.cpp writes them. `eot` is set aside by `readTemplate`. */
const KINDS = {
  bos: 'bos_token_id',
  eos: 'eos_token_id',
  unk: 'unknown_token_id',
  sep: 'seperator_token_id',
  pad: 'padding_token_id',
  mask: 'mask_token_id',
  eot: 'eot_token_id',
} as const;
type Kind = keyof typeof KINDS;

const SpecialToken = Type.Object({ SpecialToken: Type.Object({ id: Type.String() }) });
const Template = Type.Object({
  type: Type.Literal('TemplateProcessing'),
  single: Type.Array(Type.Unknown()),
  pair: Type.Optional(Type.Array(Type.Unknown())),
});
const Several = Type.Object({ processors: Type.Array(Type.Unknown()) });

/**
 * The keys for special tokens' ids and for whether they are added to every prompt.
 * Source: `SpecialVocab` in llama.cpp's gguf-py/gguf/vocab.py, without its rules for BERT's tokenizers.
 * @param size ids beyond are left out.
 */
export function specialTokens(files: TokenizerFiles, size: number): [string, GgufValue][] {
  const texts = tokenTexts(files);
  const added = new Map<string, boolean>();
  if (files.tokenizer !== undefined) readTemplates(files.tokenizer.post_processor, texts, added);

  const ids = new Map<Kind, number>();
  const setId = (kind: Kind, id: unknown): void => {
    if (typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < size && !ids.has(kind)) ids.set(kind, id);
  };
  const kinds = Object.keys(KINDS) as Kind[];
  if (files.config !== undefined) {
    for (const kind of kinds) {
      const text = texts.get(kind);
      if (text !== undefined) setId(kind, files.tokenizer?.added_tokens?.find(({ content }) => content === text)?.id);
    }
    const { add_bos_token: bos, add_eos_token: eos, add_sep_token: sep } = files.config;
    for (const [kind, value] of Object.entries({ bos, eos, sep })) if (typeof value === 'boolean') added.set(kind, value);
  }
  for (const kind of kinds) {
    if (kind === 'eot') continue;
    const key = `${kind}_token_id` as const;
    setId(kind, files.modelConfig?.[key] ?? files.modelConfig?.text_config?.[key]);
  }

  return [
    ...[...ids].map(([kind, value]): [string, GgufValue] => [`tokenizer.ggml.${KINDS[kind]}`, { type: 'u32', value }]),
    ...[...added].map(([kind, value]): [string, GgufValue] => [`tokenizer.ggml.add_${kind}_token`, { type: 'bool', value }]),
  ];
}

/** The special tokens' texts as tokenizer_config.json names them. */
function tokenTexts({ config }: TokenizerFiles): Map<Kind, string> {
  const texts = new Map<Kind, string>();
  if (config === undefined) return texts;
  const textOf = (token: string | { content: string } | null | undefined): string | undefined =>
    typeof token === 'object' ? token?.content : token;
  const named = {
    bos: textOf(config.bos_token) ?? textOf(config.cls_token),
    eos: textOf(config.eos_token) ?? textOf(config.sep_token),
    unk: textOf(config.unk_token),
    sep: textOf(config.sep_token),
    pad: textOf(config.pad_token),
    mask: textOf(config.mask_token),
  };
  for (const [kind, text] of Object.entries(named)) if (text !== undefined) texts.set(kind as Kind, text);
  return texts;
}

/** What the post-processor puts around a text. Other tokens than the configured ones become the configuration, as in llama.cpp. */
function readTemplates(processor: unknown, texts: Map<Kind, string>, added: Map<string, boolean>): void {
  const processors = Value.Check(Several, processor) ? processor.processors : [processor];
  for (const template of processors) {
    if (!Value.Check(Template, template)) continue;
    const first = template.single.length > 1 ? specialId(template.single.at(0)) : undefined;
    const last = template.single.length > 1 ? specialId(template.single.at(-1)) : undefined;
    if (first !== undefined) {
      if (!texts.has('bos')) texts.set('bos', first);
      added.set('bos', first === texts.get('bos'));
    }
    if (last !== undefined) {
      const end = texts.get('eos');
      if (end !== undefined && end !== last) texts.set('eot', end);
      texts.set('eos', last);
      added.set('eos', true);
    }
    if (template.pair !== undefined) readPair(template.pair, first, last, texts, added);
  }
}

/** Whether a separator stands between two texts. */
function readPair(
  pair: unknown[],
  first: string | undefined,
  last: string | undefined,
  texts: Map<Kind, string>,
  added: Map<string, boolean>,
): void {
  const start = first !== undefined && specialId(pair.at(0)) === first ? 1 : 0;
  const end = last !== undefined && specialId(pair.at(-1)) === last ? -1 : undefined;
  const between = pair.slice(start, end).slice(1, -1);
  if (between.length === 0) return;
  const separators = [texts.get('sep'), texts.get('eos')];
  const [one, two] = between.map(specialId);
  const isSeparator =
    (one !== undefined && separators.includes(one) && last === undefined) ||
    (between.length === 2 && two !== undefined && separators.includes(two));
  added.set('sep', isSeparator);
}

function specialId(item: unknown): string | undefined {
  return Value.Check(SpecialToken, item) ? item.SpecialToken.id : undefined;
}
