import type { Command } from 'commander';
import type { Session } from '../session.js';
import { configureCommand } from '../config/configure-command.js';
import type { OutputOptions } from './output-options.js';

/** What the config leaves beside the values of options. */
export interface ConfigOptions {
  /** Settings of the config that could not be obeyed, with what is done instead. Printed already; answers list them. */
  readonly configWarnings?: readonly string[];
}

/**
 * Gives a command `--config` and `--no-config`. Before the command runs, options that no flag gave take the value of the environment or
 * the config file, so it finds them where it finds flags. To be called when all its other options are there.
 */
export function addConfigOption(command: Command, { terminal }: Session): Command {
  return addConfigFlags(command).hook('preAction', async () => {
    const { config, options, warnings } = await configureCommand(command);
    for (const [name, value] of Object.entries(options)) command.setOptionValueWithSource(name, value, 'config');
    command.setOptionValueWithSource('configWarnings' satisfies keyof ConfigOptions, warnings, 'config');
    // The level may be one of them.
    terminal.configure(command.opts<OutputOptions>());
    for (const warning of warnings) terminal.warning(warning);
    terminal.logger.info('settings', { config: config.file ?? 'none', ...options });
  });
}

/** The flags alone. */
export function addConfigFlags(command: Command): Command {
  return command
    .option('--config <file>', 'settings; default: $EDGEVLM_CONFIG, ./config.yaml or $EDGEVLM_HOME/config.yaml, the first that there is')
    .option('--no-config', 'read no config file');
}
