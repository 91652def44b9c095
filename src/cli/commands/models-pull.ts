import type { Command } from 'commander';
import { CATALOGUE } from '../../catalogue/catalogue.js';
import { entryNamed } from '../../catalogue/entry-named.js';
import { hubSettings } from '../../catalogue/hub/hub-settings.js';
import { pullFolder } from '../../catalogue/models-folders.js';
import { pullModel, type PullReport } from '../../catalogue/pull/pull-model.js';
import { EdgeVlmError } from '../../core/errors.js';
import { formatBytes } from '../../core/units.js';
import { addOutputOptions } from '../options/output-options.js';
import type { Session } from '../session.js';

interface PullOptions {
  readonly model?: string;
  readonly all?: true;
  readonly force: boolean;
}

/** `edgevlm models pull` */
export function modelsPull(group: Command, { terminal, signal }: Session): void {
  const command = group
    .command('pull')
    .description('Download a model of the catalogue; what was interrupted goes on where it stopped.')
    .option('--model <name>', 'which one; `models list` has the names')
    .option('--all', 'every model that can be downloaded')
    .option('--force', 'download again what is here already', false);
  addOutputOptions(command).action(async ({ model, all, force }: PullOptions) => {
    if ((model === undefined) === (all === undefined)) throw new EdgeVlmError('USAGE', 'pass either --model NAME or --all');
    const entries = model === undefined ? CATALOGUE.filter(({ files, shipped }) => files.length > 0 && !shipped) : [entryNamed(model)];
    const folder = await pullFolder();
    for (const entry of entries) {
      if (!entry.checked) terminal.note(`${entry.name}: repository and file names could not be checked when this version was made`);
      try {
        const report = await pullModel({ entry, folder, settings: hubSettings, force, progress: terminal.progress, signal });
        terminal.result(report, reportText(report));
        for (const { path, state } of report.files) if (state === 'unverified') terminal.warning(`${path}: the server gave no checksum`);
      } catch (thrown) {
        const error = EdgeVlmError.from(thrown);
        // What would fail the same way for every model ends it.
        if (all === undefined || ['CANCELLED', 'OFFLINE', 'DISK_FULL', 'USAGE'].includes(error.code)) throw error;
        terminal.itemError({ model: entry.name }, error);
      }
    }
  });
}

function reportText({ model, files }: PullReport): string {
  return files
    .map(({ path, state, bytes }) => `${model}: ${path} ${STATES[state]}${bytes === null ? '' : `, ${formatBytes(bytes)}`}`)
    .join('\n');
}

const STATES = {
  downloaded: 'downloaded and checked',
  unverified: 'downloaded',
  present: 'is here already',
  kept: 'is here already, put there by somebody else',
  shipped: 'comes with the package',
} as const satisfies Record<PullReport['files'][number]['state'], string>;
