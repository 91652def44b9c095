import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findNativeLibraries } from './native-libraries.js';

describe("the user's own build of llama.cpp", () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'edgevlm-native-'));
    for (const name of ['libggml-base.so.0', 'libggml.so.0', 'libggml-cpu.so.0']) writeFileSync(path.join(folder, name), '');
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('is taken instead of the package, whatever its files are called on this system', () => {
    writeFileSync(path.join(folder, 'libllama.so.0.4.0'), '');
    expect(findNativeLibraries({ EDGEVLM_NATIVE_DIR: folder })).toEqual({
      own: true,
      directory: folder,
      ggmlBase: path.join(folder, 'libggml-base.so.0'),
      ggml: path.join(folder, 'libggml.so.0'),
      llama: path.join(folder, 'libllama.so.0.4.0'),
    });
    rmSync(path.join(folder, 'libllama.so.0.4.0'));
  });

  it('that lacks a library, or is not there, is named in the error', () => {
    expect(() => findNativeLibraries({ EDGEVLM_NATIVE_DIR: folder })).toThrow(/no library llama in .*edgevlm-native/);
    expect(() => findNativeLibraries({ EDGEVLM_NATIVE_DIR: path.join(folder, 'none') })).toThrow(/none cannot be read/);
  });

  it('set to nothing means the package', () => {
    expect(findNativeLibraries({ EDGEVLM_NATIVE_DIR: '' }).own).toBe(false);
  });
});
