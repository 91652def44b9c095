import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import SqliteDatabase from 'libsql';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { sampleRecord } from '../../../test/tracking/support/sample-record.js';
import { RunIndex } from './run-index.js';
import { RunStore } from './run-store.js';

let directory: string;
let store: RunStore;
let index: RunIndex;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'edgevlm-index-'));
  store = new RunStore(directory);
  index = new RunIndex(directory);
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

const ids = async (...filter: Parameters<RunIndex['list']>): Promise<string[]> => (await index.list(...filter)).rows.map(({ id }) => id);

it('lists what is there, oldest first, as it comes, changes and goes', async () => {
  const later = sampleRecord(5, {}, '2030-02-01T00:00:00.000Z');
  const earlier = sampleRecord(3, { command: 'eval scenes' }, '2030-01-01T00:00:00.000Z');
  await store.save(later);
  expect(await ids()).toEqual([later.id]);
  await store.save(earlier);
  expect(await index.list()).toEqual({
    rows: [
      {
        ...{ id: earlier.id, createdAt: earlier.createdAt, command: 'eval scenes', plan: null },
        ...{ models: ['shapes-q8_0.gguf'], dataset: 'ward 7' },
        ...{ samples: 7, scores: 1, verdicts: { pass: 1, fail: 0, inconclusive: 2 } },
      },
      expect.objectContaining({ id: later.id, samples: 9 }),
    ],
    damaged: [],
    note: null,
  });
  await store.save({ ...later, command: 'bench other things' });
  expect((await index.list()).rows[1]?.command).toBe('bench other things');
  await store.remove(earlier.id);
  expect(await ids()).toEqual([later.id]);
  await expect(store.remove(earlier.id)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
});

it('finds runs by model, by scenario and by time', async () => {
  const bench = sampleRecord(3, { command: 'bench vlm' }, '2030-01-01T00:00:00.000Z');
  const scenes = sampleRecord(3, { command: 'eval scenes', models: {} }, '2030-02-01T00:00:00.000Z');
  await store.save(bench);
  await store.save(scenes);
  expect(await ids({ model: 'SHAPES' })).toEqual([bench.id]);
  expect(await ids({ scenario: 'vlm' })).toEqual([bench.id]);
  expect(await ids({ scenario: 'eval scenes' })).toEqual([scenes.id]);
  expect(await ids({ scenario: 'scene' })).toEqual([]);
  expect(await ids({ since: new Date('2030-01-15') })).toEqual([scenes.id]);
});

it('is rebuilt from the records when it is missing, damaged or of another version, and reads no record twice', async () => {
  const record = sampleRecord(3);
  const file = await store.save(record);
  const indexFile = join(directory, '.index.sqlite');
  const forge = (sql: string): void => {
    const database = new SqliteDatabase(indexFile);
    database.exec(sql);
    database.close();
  };
  expect(await ids()).toEqual([record.id]);
  for (const damage of ['{', 'SQLite format 3\0'.padEnd(4096, 'x'), '']) {
    await rm(indexFile);
    await writeFile(indexFile, damage);
    expect(await index.list()).toMatchObject({ rows: [{ id: record.id }], note: null });
  }
  // What the index says is taken for a file of that size and time: it was not read.
  forge("UPDATE runs SET command = 'from the index'");
  expect((await index.list()).rows[0]?.command).toBe('from the index');
  for (const damage of ["UPDATE runs SET models = '{'", 'UPDATE runs SET samples = -1', 'PRAGMA user_version = 7', 'DROP TABLE runs']) {
    forge(damage);
    expect((await index.list()).rows[0]?.command).toBe('bench vlm');
  }
  await writeFile(file, JSON.stringify(record));
  forge("UPDATE runs SET command = 'from the index'");
  expect((await index.list()).rows[0]?.command).toBe('bench vlm');
});

it('reads every record where SQLite or the folder does not let it remember them, and says so', async () => {
  const record = sampleRecord(3);
  await store.save(record);
  await mkdir(join(directory, '.index.sqlite'));
  const { rows, note } = await index.list();
  expect(rows.map(({ id }) => id)).toEqual([record.id]);
  expect(note).toMatch(/every record was read: .*\.index\.sqlite cannot be written/);
  vi.doMock('libsql', () => {
    throw new Error('no binary for this machine');
  });
  expect(await index.list()).toMatchObject({ rows: [{ id: record.id }], note: expect.stringMatching(/libsql/) as string });
  vi.doUnmock('libsql');
});

it('several processes may ask at the same time', async () => {
  for (let run = 0; run < 5; run++) await store.save(sampleRecord(1));
  const lists = await Promise.all(Array.from({ length: 4 }, () => new RunIndex(directory).list()));
  expect(lists.map(({ rows, note }) => [rows.length, note])).toEqual(Array(4).fill([5, null]));
});

it('names files that are no records and lists the others', async () => {
  const record = sampleRecord(3);
  await store.save(record);
  await writeFile(join(directory, 'broken.json'), '{');
  await writeFile(join(directory, 'copy.json'), JSON.stringify(record));
  await mkdir(join(directory, 'folder.json'));
  const { rows, damaged } = await index.list();
  expect(rows.map(({ id }) => id)).toEqual([record.id]);
  expect([...damaged].sort()).toEqual(['broken.json', 'copy.json', 'folder.json'].map((name) => join(directory, name)));
  expect(await new RunIndex(join(directory, 'absent')).list()).toEqual({ rows: [], damaged: [], note: null });
});
