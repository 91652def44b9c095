import type { RunsReport } from './runs-report.js';
import { isOnMeasured } from './verdicts-table.js';

/** What the report is called: the commands behind its runs. */
export function runsTitle({ runs }: RunsReport): string {
  const commands = [...new Set(runs.map(({ record }) => record.command))];
  const [first] = runs;
  const title = commands.length === 0 ? 'No run' : commands.join(', ');
  return runs.length === 1 && first !== undefined ? `${title}, ${first.record.createdAt.slice(0, 16).replace('T', ' ')} UTC` : title;
}

/** What the reader must know first, a sentence or two each. */
export function runsWords({ runs, failed }: RunsReport): string[] {
  const machines = [...new Set(runs.map(({ record: { environment } }) => environment.cpu.model ?? environment.cpu.architecture))];
  const count = (outcome: string): number =>
    runs.reduce(
      (sum, { record }) => sum + record.verdicts.filter((verdict) => isOnMeasured(verdict) && verdict.outcome === outcome).length,
      0,
    );
  const runsText = runs.length === 1 ? 'One run' : `${runs.length} runs`;
  return [
    machines.length === 0 ? `${runsText}.` : `${runsText} on ${machines.join(' and ')}.`,
    ...(failed.length === 0
      ? []
      : [
          `${failed.length} of ${runs.length + failed.length} cells were not measured: ${failed.map(({ label, status }) => `${label} (${status})`).join(', ')}.`,
        ]),
    `Verdicts: ${count('fail')} failed, ${count('inconclusive')} could not be decided, ${count('pass')} passed.`,
  ];
}
