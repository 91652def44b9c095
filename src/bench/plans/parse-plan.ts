import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { EdgeVlmError } from '../../core/errors.js';
import { parseYaml } from '../../core/parse-yaml.js';
import type { Cell } from '../../core/plan-cell.js';
import { type PlanOrder, PLAN_ORDERS } from './order-cells.js';

/** More than any plan written by hand, and little enough for the parser. */
export const PLAN_LIMITS = { bytes: 256 * 1024, cells: 1000, rounds: 100 } as const;

const strict = { additionalProperties: false } as const;
const Name = Type.String({ minLength: 1, maxLength: 100 });
const SettingName = '^[A-Za-z][A-Za-z0-9_.-]{0,99}$';
const Setting = Type.Union([Type.String({ maxLength: 10_000 }), Type.Number(), Type.Boolean(), Type.Null()]);
const Settings = Type.Record(Type.String({ pattern: SettingName }), Setting, strict);

const PlanFile = Type.Object(
  {
    name: Name,
    scenario: Type.Optional(Name),
    order: Type.Optional(Type.Enum([...PLAN_ORDERS])),
    rounds: Type.Optional(Type.Integer({ minimum: 1, maximum: PLAN_LIMITS.rounds })),
    timeout_s: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 7 * 24 * 3600 })),
    settings: Type.Optional(Settings),
    matrix: Type.Optional(Type.Record(Type.String({ pattern: SettingName }), Type.Array(Setting, { minItems: 1 }), strict)),
    exclude: Type.Optional(Type.Array(Settings)),
    cells: Type.Optional(Type.Array(Type.Object({ scenario: Type.Optional(Name), settings: Type.Optional(Settings) }, strict))),
  },
  strict,
);
type PlanFile = Static<typeof PlanFile>;

export interface Plan {
  readonly name: string;
  readonly order: PlanOrder;
  readonly rounds: number;
  /** The longest that one cell may take. */
  readonly timeout_ms: number;
  /** Each once; `orderCells` makes rounds of them. */
  readonly cells: readonly Omit<Cell, 'round'>[];
}

const DEFAULT_TIMEOUT_S = 3600;

/**
 * Reads a plan (docs/PLANS.md): common `settings`, a `matrix` of which every combination is a cell unless `exclude` matches it, and
 * further `cells`. The text may come from anyone: its size, the number of cells and aliases are bounded before anything is made of them.
 * @param source named in errors @throws EdgeVlmError PLAN_INVALID with the line
 */
export function parsePlan(text: string, source: string): Plan {
  const fail = (line: number | undefined, problem: string, cause?: unknown): never => {
    throw new EdgeVlmError('PLAN_INVALID', `${source}${line === undefined ? '' : `:${line}`}: ${problem}`, { cause });
  };
  if (Buffer.byteLength(text) > PLAN_LIMITS.bytes) fail(undefined, `the plan is larger than ${PLAN_LIMITS.bytes} bytes`);
  const { value, positionOf } = parseYaml(text, 'the plan', (position, problem, cause) => fail(position?.line, problem, cause));
  const lineOf = (path: readonly string[]): number | undefined => positionOf(path)?.line;
  if (!Value.Check(PlanFile, value)) {
    const found = Value.Errors(PlanFile, value)[0];
    const path = (found?.instancePath ?? '').split('/').slice(1);
    // TypeBox's word for a key that is not in the schema.
    const message = found?.message === 'schema is false' ? 'is not known here' : (found?.message ?? 'does not fit');
    return fail(lineOf(path), `${path.join('.') || 'the plan'} ${message}`);
  }
  const { name, order = 'interleaved', rounds = 1, timeout_s = DEFAULT_TIMEOUT_S } = value;
  const combinations = Object.values(value.matrix ?? {}).reduce((product, choices) => product * choices.length, 1);
  if ((combinations + (value.cells?.length ?? 0)) * rounds > PLAN_LIMITS.cells) {
    const path = value.matrix === undefined ? ['cells'] : ['matrix'];
    fail(lineOf(path), `more than ${PLAN_LIMITS.cells} cells, rounds counted`);
  }
  const cells = cellsOf(value, (path, problem) => fail(lineOf(path), problem));
  if (cells.length === 0) fail(lineOf([]), 'the plan has no cells: give it a matrix, settings or cells');
  return { name, order, rounds, timeout_ms: 1000 * timeout_s, cells };
}

function cellsOf(
  { scenario, settings = {}, matrix, exclude = [], cells = [] }: PlanFile,
  fail: (path: readonly string[], problem: string) => never,
): Omit<Cell, 'round'>[] {
  const product = Object.entries(matrix ?? {}).reduce<Cell['settings'][]>(
    (rows, [name, choices]) => rows.flatMap((row) => choices.map((choice) => ({ ...row, [name]: choice }))),
    [settings],
  );
  // Settings alone are a plan of one cell; beside `cells` they are what the cells have in common.
  const combined = matrix === undefined && cells.length > 0 ? [] : product;
  const isExcluded = (row: Cell['settings']): boolean =>
    exclude.some((condition) => Object.entries(condition).every(([name, value]) => Object.hasOwn(row, name) && row[name] === value));
  const cell = (path: readonly string[], own: string | undefined, row: Cell['settings']): Omit<Cell, 'round'> => ({
    scenario: own ?? scenario ?? fail(path, 'no scenario is named'),
    settings: row,
  });
  return [
    ...combined.filter((row) => !isExcluded(row)).map((row) => cell([], undefined, row)),
    ...cells.map((own, index) => cell(['cells', String(index)], own.scenario, { ...settings, ...own.settings })),
  ];
}
