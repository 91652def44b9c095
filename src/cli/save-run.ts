import { dataDirectories } from '../core/data-directories.js';
import type { RunRecord } from '../core/run-record.js';
import { writeFileAtomically } from '../core/write-file-atomically.js';
import { RunStore, writeRunRecord } from '../tracking/files/run-store.js';

/**
 * Saves a run in the run store and, where `out` names a file, there too with its report beside it as Markdown.
 * @returns the path to tell the user @throws FILE_UNWRITABLE
 */
export async function saveRun(record: RunRecord, report: readonly string[], out: string | undefined): Promise<string> {
  const stored = await new RunStore(dataDirectories().runs).save(record);
  if (out === undefined) return stored;
  await writeRunRecord(out, record);
  const markdown = `# ${record.command}, ${record.createdAt}\n\n${report.join('\n')}\n`;
  await writeFileAtomically(`${out.replace(/\.json$/, '')}.md`, (write) => write(new TextEncoder().encode(markdown)));
  return out;
}
