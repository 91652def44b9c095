import { type Command, InvalidArgumentError } from 'commander';
import { EdgeVlmError } from '../../core/errors.js';
import { type LogLevel, parseLogLevel } from '../../core/logger.js';

/** How a command talks. */
export interface OutputOptions {
  readonly json?: true;
  readonly quiet?: true;
  readonly logLevel?: LogLevel;
}

export function addOutputOptions(command: Command): Command {
  return command
    .option('--json', 'print results as JSON, one object a line')
    .option('--quiet', 'print results and errors only')
    .option('--log-level <level>', 'also log to standard error: debug, info, warn or error', logLevel);
}

function logLevel(name: string): LogLevel {
  try {
    return parseLogLevel(name);
  } catch (thrown) {
    throw new InvalidArgumentError(EdgeVlmError.from(thrown).message);
  }
}
