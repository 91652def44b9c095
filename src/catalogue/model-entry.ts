import { type Static, Type } from 'typebox';

const strict = { additionalProperties: false } as const;
const OrNull = <T extends Parameters<typeof Type.Union>[0][number]>(type: T) => Type.Union([type, Type.Null()]);

/** Folders and a name, relative, with no way out: it is joined to a folder of ours and, for `rm`, unlinked there. */
export const RELATIVE_PATH = String.raw`^(?!.*(?:^|/)\.)[A-Za-z0-9_][\w.+-]*(?:/[A-Za-z0-9_][\w.+-]*)*$`;

const CatalogueFile = Type.Object(
  {
    path: Type.String({ pattern: RELATIVE_PATH, description: 'In the repository; of a shipped model, in the package.' }),
    as: Type.String({ pattern: RELATIVE_PATH, description: 'Where it goes, relative to the models folder.' }),
    role: Type.Union([Type.Literal('model'), Type.Literal('mmproj'), Type.Literal('other')]),
    bytes: OrNull(Type.Integer({ minimum: 0, description: 'Null where it could not be checked.' })),
    sha256: OrNull(
      Type.String({ pattern: '^[0-9a-f]{64}$', description: "Null where it could not be checked; then the Hub's own is used." }),
    ),
    listedSize: OrNull(Type.String({ description: "What an archived copy of the Hub's file page said, rounded there." })),
  },
  strict,
);
export type CatalogueFile = Static<typeof CatalogueFile>;

/** A model the catalogue knows. What nobody could check is null, never guessed. */
export const ModelEntry = Type.Object(
  {
    name: Type.String({ pattern: '^[a-z0-9][a-z0-9.-]*$' }),
    aliases: Type.Array(Type.String(), { description: 'Other names people use for it.' }),
    title: Type.String(),
    kind: Type.Union([Type.Literal('vision-language'), Type.Literal('text'), Type.Literal('encoder'), Type.Literal('detector')]),
    repository: OrNull(
      Type.String({ pattern: '^[\\w.-]+/[\\w.-]+$', description: 'On the Hub; null for a shipped model and where none is known.' }),
    ),
    revision: Type.String({ pattern: '^[\\w.-]+$' }),
    checkpoint: Type.Optional(
      Type.Object(
        { repository: Type.String({ pattern: '^[\\w.-]+/[\\w.-]+$' }), revision: Type.String({ pattern: '^[\\w.-]+$' }) },
        { ...strict, description: 'What PyTorch loads, where it is another repository; pinned, because it brings code of its own.' },
      ),
    ),
    shipped: Type.Boolean({ description: 'Whether its files come with the package.' }),
    files: Type.Array(CatalogueFile),
    licence: OrNull(Type.String({ description: 'As the repository states it.' })),
    precisions: Type.Array(Type.String(), { description: 'Of the files above.' }),
    memoryBytes: OrNull(
      Type.Integer({
        minimum: 0,
        description:
          'Peak resident memory of the largest process when one picture is captioned (Linux x64, one thread), measured; null where it was not.',
      }),
    ),
    runtimes: Type.Array(Type.String(), { description: 'Runtimes of this version that run it.' }),
    checked: Type.Boolean({ description: 'Whether repository, files and checksums were compared with what is really there.' }),
    note: OrNull(Type.String()),
  },
  strict,
);
export type ModelEntry = Static<typeof ModelEntry>;
