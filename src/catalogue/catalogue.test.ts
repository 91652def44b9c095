import { Value } from 'typebox/value';
import { describe, expect, it } from 'vitest';
import { CATALOGUE } from './catalogue.js';
import { entryNamed } from './entry-named.js';
import { ModelEntry } from './model-entry.js';
import { PACKAGE_MODELS } from './models-folders.js';
import { verifyFiles } from './pull/verify-files.js';

describe('the catalogue', () => {
  it.each(CATALOGUE.map((entry) => [entry.name, entry] as const))('%s is what its schema says', (_, entry) => {
    expect([...Value.Errors(ModelEntry, entry)]).toEqual([]);
    expect(entry.files.filter(({ role }) => role === 'model').length).toBe(entry.files.length === 0 ? 0 : 1);
  });

  it('has every name and every destination once', () => {
    const names = CATALOGUE.flatMap(({ name, aliases }) => [name, ...aliases]).map((name) => name.toLowerCase());
    expect(new Set(names).size).toBe(names.length);
    const places = CATALOGUE.flatMap(({ files }) => files.map(({ as }) => as.toLowerCase()));
    expect(new Set(places).size).toBe(places.length);
  });

  it('claims no size and no checksum it could not check', () => {
    for (const { checked, files } of CATALOGUE) {
      for (const { bytes, sha256 } of files) expect([bytes === null, sha256 === null]).toEqual([!checked, !checked]);
    }
  });

  it("keeps the seed's default file names", () => {
    expect(entryNamed('tinyllama').files[0]?.as).toBe('tinyllama_1.1b_q4.gguf');
    expect(entryNamed('MobileVLM').files[0]?.as).toBe('mobilevlm_v2_1.7b_q4.gguf');
  });

  it('knows a model by its aliases, and names its models to who asks for another', () => {
    expect(entryNamed('qwen/qwen2.5-vl-3b-instruct').name).toBe('qwen2.5-vl-3b');
    expect(() => entryNamed('gpt')).toThrow(
      expect.objectContaining({ code: 'MODEL_UNKNOWN', hint: expect.stringContaining('tinyllama') as string }),
    );
  });

  it('tells the checksums of the models in the package', async () => {
    for (const { files } of CATALOGUE.filter(({ shipped }) => shipped)) {
      const expected = files.map(({ as, bytes, sha256 }) => ({ as, bytes: bytes ?? -1, sha256: sha256 ?? '' }));
      const verdicts = await verifyFiles(PACKAGE_MODELS, expected, { signal: new AbortController().signal });
      expect(verdicts.filter(({ state }) => state !== 'ok')).toEqual([]);
    }
  });
});
