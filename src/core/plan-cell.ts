import { type Static, Type } from 'typebox';
import { Settings, Sha256 } from './record-parts.js';

const strict = { additionalProperties: false } as const;

export const Cell = Type.Object(
  {
    scenario: Type.String({ minLength: 1, maxLength: 100 }),
    settings: Settings,
    round: Type.Integer({ minimum: 1, description: 'Which repetition of the same thing this is.' }),
  },
  strict,
);
/** One measurement of a plan: a scenario and everything that is set for it. */
export type Cell = Static<typeof Cell>;

/** How a cell ended. All but `ok` are tried again when the plan is run again. */
export const CELL_STATUSES = ['ok', 'load_error', 'oom', 'timeout', 'crashed', 'error', 'cancelled'] as const;
export type CellStatus = (typeof CELL_STATUSES)[number];

export const CellRow = Type.Object(
  {
    key: Sha256,
    cell: Cell,
    status: Type.Enum([...CELL_STATUSES]),
    runId: Type.Optional(Type.String({ description: 'The run record, where there is one.' })),
    message: Type.Optional(Type.String({ description: 'What went wrong.' })),
  },
  strict,
);
/** What became of one cell. */
export type CellRow = Static<typeof CellRow>;
