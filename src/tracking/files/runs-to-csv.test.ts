import { expect, it } from 'vitest';
import { sampleRecord, sampleResources } from '../../../test/tracking/support/sample-record.js';
import { runsToCsv } from './runs-to-csv.js';

const model = { name: '=cmd("x"),y', sha256: 'a'.repeat(64), bytes: 1, precision: 'F16' };
const record = sampleRecord(2, { models: { model }, memory: {}, samples: [{ name: 'load', unit: 'ms', values: [1.5, -2], warmup: [9] }] });

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

it('memory, resources and their course are values, too; what was not told has no row', () => {
  const nothing = { rss_bytes: 7, peakRss_bytes: null, pss_bytes: null, rssAnon_bytes: null, swap_bytes: null };
  const before = { frequency_mhz: null, temperature_celsius: null, throttleEvents: null };
  const rows = runsToCsv([
    sampleRecord(2, {
      ...{ models: {}, samples: [], scores: [], memory: { 'engine:loaded': nothing } },
      thermal: { before, after: before, during: [{ ...before, time_ms: 5, temperature_celsius: 51.5, governor: 'powersave' }] },
      resources: sampleResources(),
    }),
  ])
    .split('\r\n')
    .slice(1, -1)
    .map((line) => line.split(',').slice(4).join(','));
  expect(rows).toEqual([
    'memory,engine:loaded.rss,bytes,,7,,',
    'thermal,temperature,celsius,5,51.5,,',
    'resource,cpu.time,ms,,1500,,',
    'resource,cpu.cores,cores,,1.5,,',
    'resource,memory.peakRss,bytes,,4096,,',
    'resource,power.package,watts,,21.5,,',
    'series,rss,bytes,0,1024,,',
    'series,rss,bytes,250,4096,,',
  ]);
});
