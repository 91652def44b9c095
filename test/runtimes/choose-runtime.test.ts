import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { chooseRuntime } from '../../src/runtimes/choose-runtime.js';
import { editGguf } from '../engine/support/edit-gguf.js';
import { temporaryFolder, tinyModel } from '../engine/support/tiny-models.js';
import { fakeLlamaServer } from './support/fake-llama-server.js';

const SHAPES = fileURLToPath(new URL('../../models/shapes/', import.meta.url));
const folder = await temporaryFolder();
const tiny = await tinyModel('tiny-smolvlm');
/** A GGUF file that is whole, of an architecture that the engine does not know. */
const foreign = await editGguf(tiny.model, join(folder, 'foreign.gguf'), ({ metadata }) => {
  metadata.set('general.architecture', { type: 'string', value: 'strange' });
});

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('without a word from the user, a model runs on', () => {
  test('the engine, where it knows its architecture', async () => {
    expect(await chooseRuntime(tiny)).toEqual({ name: 'engine', why: 'it knows this architecture' });
  });

  test.skipIf(process.platform === 'win32')('llama-server, where the engine does not, and the reason is told', async () => {
    vi.stubEnv('EDGEVLM_LLAMA_SERVER', await fakeLlamaServer(folder));
    const { name, why } = await chooseRuntime({ model: foreign });
    expect(name).toBe('llama-server');
    expect(why).toContain('architecture "strange"');
  });

  test('what takes checkpoints, where there is no GGUF file', async () => {
    const { name, why } = await chooseRuntime({ model: join(SHAPES, 'onnx') });
    expect(name).toBe('transformers-js');
    expect(why).toContain('not a GGUF file');
  });

  test('nothing, where nothing takes it: every reason is told', async () => {
    vi.stubEnv('EDGEVLM_LLAMA_SERVER', '/nowhere');
    const message = expect.stringMatching(/engine: .*strange.*llama-server: .*nowhere.*transformers-js: .*python: /) as string;
    await expect(chooseRuntime({ model: foreign })).rejects.toMatchObject({ code: 'LOAD_ERROR', message });
  });
});
