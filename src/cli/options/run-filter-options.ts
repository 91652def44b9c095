import { type Command, InvalidArgumentError } from 'commander';
import type { RunFilter } from '../../tracking/files/run-index.js';

/** Which of the stored runs. The names are those of `RunFilter`. */
export function addRunFilterOptions(command: Command): Command {
  return command
    .option('--model <name>', 'runs with this in the name of a model')
    .option('--scenario <words>', 'runs of this command, such as "engine" or "eval scenes"')
    .option('--plan <name>', 'runs of plans with this in their name')
    .option('--since <when>', 'runs made since a date (2030-01-31) or for so long (30m, 24h, 7d)', (text: string) => since(text));
}

const UNIT_MS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Parses `2030-01-31`, `2030-01-31T12:00:00Z`, `30m`, `24h`, `7d`. */
export function since(text: string, now: () => number = Date.now): NonNullable<RunFilter['since']> {
  const [, count, unit] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  if (count !== undefined) return new Date(now() - Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS]);
  // Date.parse takes more than anybody means.
  const date = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?$/.test(text) ? new Date(text) : undefined;
  if (date === undefined || Number.isNaN(date.getTime()))
    throw new InvalidArgumentError('Expected a date (2030-01-31) or a time (30m, 24h, 7d).');
  return date;
}
