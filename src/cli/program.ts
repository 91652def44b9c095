import { Command } from 'commander';
import { bench } from './commands/bench.js';
import { calibrate } from './commands/calibrate.js';
import { caption } from './commands/caption.js';
import { compare } from './commands/compare.js';
import { config } from './commands/config.js';
import { data } from './commands/data.js';
import { evaluate } from './commands/eval.js';
import { generate } from './commands/generate.js';
import { mlflow } from './commands/mlflow.js';
import { models } from './commands/models.js';
import { runs } from './commands/runs.js';
import { runtimes } from './commands/runtimes.js';
import { serve } from './commands/serve.js';
import { vqa } from './commands/vqa.js';
import type { OutputOptions } from './options/output-options.js';
import { packageVersion } from './package-version.js';
import type { Session } from './session.js';

/** The whole command line. Parsing it runs a command; wrong arguments throw a CommanderError. */
export function createProgram(session: Session): Command {
  const program = new Command('edgevlm')
    .description('Serve vision-language models on edge devices, and measure any model on them.')
    .version(packageVersion(), '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .exitOverride()
    // Errors are printed by main, once and with their code.
    .configureOutput({ outputError: () => undefined })
    .showSuggestionAfterError();
  program.hook('preAction', (_, command) => {
    session.terminal.configure(command.opts<OutputOptions>());
  });
  for (const add of [caption, vqa, generate, serve, models, data, bench, calibrate, evaluate, compare, runtimes, runs, mlflow, config])
    add(program, session);
  return program;
}
