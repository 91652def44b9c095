import { expect, it } from 'vitest';
import { sampleRecord } from '../../../test/tracking/support/sample-record.js';
import { runsToCsv } from './runs-to-csv.js';
import { runsToMarkdown } from './runs-to-markdown.js';

const model = { name: '=cmd("x"),y', sha256: 'a'.repeat(64), bytes: 1, precision: 'F16' };
const record = sampleRecord(2, { models: { model }, samples: [{ name: 'load', unit: 'ms', values: [1.5, -2], warmup: [9] }] });

it('CSV has every value of a run in a row of its own, and no formula', () => {
  const start = `${record.id},${record.createdAt},bench vlm,"'=cmd(""x""),y"`;
  expect(runsToCsv([record]).split('\r\n')).toEqual([
    'run,created_at,command,model,kind,name,unit,index,value,low,high',
    `${start},warmup,load,ms,0,9,,`,
    `${start},sample,load,ms,0,1.5,,`,
    `${start},sample,load,ms,1,-2,,`,
    `${start},score,caption.object_f1,fraction,,0.9,0.8,0.95`,
    '',
  ]);
});

it('Markdown has figures, scores, verdicts and notes, and names stay in their cells', () => {
  const text = runsToMarkdown([{ ...record, notes: ['a | b\n# no heading <b>'] }]);
  expect(text).toContain('| load | ms | 2 | -0.25 | -0.25 |');
  expect(text).toContain('| caption.object\\_f1 | fraction | 0.9 | 0.8 to 0.95 (95%) | 10 |'.replace('\\_', '_'));
  expect(text).toContain('| speed:decode | pass | as fast as was wanted |');
  expect(text).toContain('* a \\| b # no heading \\<b\\>');
});
