import { type Command, Option } from 'commander';
import { runsHtml } from '../../bench/report/runs/runs-html.js';
import { runsMarkdown } from '../../bench/report/runs/runs-markdown.js';
import { runsReport } from '../../bench/report/runs/runs-report.js';
import { dataDirectories } from '../../core/data-directories.js';
import { EdgeVlmError } from '../../core/errors.js';
import type { RunRecord } from '../../core/run-record.js';
import { writeFileAtomically } from '../../core/write-file-atomically.js';
import { type RunFilter, RunIndex } from '../../tracking/files/run-index.js';
import { RunStore } from '../../tracking/files/run-store.js';
import { runsToCsv } from '../../tracking/files/runs-to-csv.js';
import { findRunId } from '../find-run-id.js';
import { addOutputOptions } from '../options/output-options.js';
import { addRunFilterOptions } from '../options/run-filter-options.js';
import type { Session } from '../session.js';

const toMarkdown = (records: readonly RunRecord[]): string => runsMarkdown(runsReport(records));
const FORMATS = {
  json: (records: readonly RunRecord[]) => `${JSON.stringify(records, null, 2)}\n`,
  csv: runsToCsv,
  md: toMarkdown,
  markdown: toMarkdown,
  html: (records: readonly RunRecord[]) => runsHtml(runsReport(records)),
} as const;

interface ExportOptions extends RunFilter {
  readonly format: keyof typeof FORMATS;
  readonly out?: string;
}

/** `edgevlm runs export` */
export function runsExport(group: Command, { terminal }: Session): void {
  const command = group
    .command('export')
    .description('Write runs as JSON (whole records), CSV (a row for each value), Markdown (tables) or HTML (one page with charts).');
  command
    .argument('[run...]', 'their ids, or the start of them, or latest; default: all that match the options')
    .addOption(new Option('--format <name>', 'how').choices(Object.keys(FORMATS)).default('json'))
    .option('--out <file>', 'where; default: standard output');
  addOutputOptions(addRunFilterOptions(command)).action(async (named: readonly string[], { format, out, ...filter }: ExportOptions) => {
    const directory = dataDirectories().runs;
    const ids: string[] = [];
    if (named.length === 0) ids.push(...(await new RunIndex(directory).list(filter)).rows.map(({ id }) => id));
    else for (const name of named) ids.push(await findRunId(name));
    if (ids.length === 0)
      throw new EdgeVlmError('FILE_NOT_FOUND', 'there are no such runs', { hint: 'Run `edgevlm runs list` to see them.' });
    const store = new RunStore(directory);
    const records = await Promise.all([...new Set(ids)].map((id) => store.load(id)));
    const text = FORMATS[format](records);
    if (out === undefined) {
      terminal.write(text);
    } else {
      await writeFileAtomically(out, (write) => write(Buffer.from(text)));
      terminal.result({ out, runs: records.length }, `${records.length === 1 ? '1 run is' : `${records.length} runs are`} in ${out}`);
    }
  });
}
