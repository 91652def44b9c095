import { readdirSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

import { EdgeVlmError } from '../../core/errors.js';

/** Where the shared libraries of ggml and libllama lie on this machine. */
export interface NativeLibraries {
  /** Whether the user built them, instead of installing a package. */
  readonly own: boolean;
  readonly directory: string;
  readonly ggmlBase: string;
  readonly ggml: string;
  readonly llama: string;
}

/** Version of the packages, whose libraries must all be of one release; package.json pins it. */
export const NATIVE_VERSION = '3.21.1';

/** Version of ggml in that release. Structs cross the border by value, so no other will do. */
export const GGML_VERSION = '0.23.0';

/** Folder with the user's own build of that release of llama.cpp: for this processor alone, or for a device without packages. */
export const NATIVE_DIRECTORY_VARIABLE = 'EDGEVLM_NATIVE_DIR';

/** Package of prebuilt libraries for a platform; the names are node-llama-cpp's. */
const PACKAGES: Readonly<Record<string, string>> = {
  'linux-x64': 'linux-x64',
  'linux-arm64': 'linux-arm64',
  'linux-arm': 'linux-armv7l',
  'darwin-x64': 'mac-x64',
  'darwin-arm64': 'mac-arm64-metal',
  'win32-x64': 'win-x64',
  'win32-arm64': 'win-arm64',
};

/** The oldest glibc these builds load on. */
const MINIMUM_GLIBC = [2, 34] as const;

/**
 * Finds the libraries: the user's own, or those of the platform's optional package.
 * @throws NATIVE_UNSUPPORTED on a platform without a package, or with too old a C library
 * @throws NATIVE_MISSING when the package is not installed, or the user's folder lacks a library
 */
export function findNativeLibraries(env: Readonly<Record<string, string | undefined>> = process.env): NativeLibraries {
  const own = env[NATIVE_DIRECTORY_VARIABLE];
  if (own !== undefined && own !== '') return librariesIn(path.resolve(own), true);
  const platform = `${process.platform}-${process.arch}`;
  const name = PACKAGES[platform];
  if (name === undefined) throw new EdgeVlmError('NATIVE_UNSUPPORTED', `there is no native library for ${platform}`);
  if (process.platform === 'linux') requireGlibc();

  let entry: string;
  try {
    entry = createRequire(import.meta.url).resolve(`@node-llama-cpp/${name}`);
  } catch (cause) {
    throw new EdgeVlmError('NATIVE_MISSING', `the package @node-llama-cpp/${name} is not installed`, { cause });
  }
  // The entry is <package>/dist/index.js; the libraries lie in <package>/bins/<name>.
  return librariesIn(realpathSync(path.join(path.dirname(entry), '..', 'bins', name)), false);
}

function librariesIn(directory: string, own: boolean): NativeLibraries {
  return {
    own,
    directory,
    ggmlBase: findLibrary(directory, 'ggml-base'),
    ggml: findLibrary(directory, 'ggml'),
    llama: findLibrary(directory, 'llama'),
  };
}

/** Files are called `libNAME.so`, `libNAME.v0.4.0.so`, `libNAME.dylib` or `NAME.dll`, by platform and release. */
export function findLibrary(directory: string, stem: string): string {
  const pattern = new RegExp(`^(lib)?${stem}(\\.v?[\\d.]+)?\\.(so|dylib|dll)(\\.[\\d.]+)?$`);
  let files: string[];
  try {
    files = readdirSync(directory);
  } catch (cause) {
    throw new EdgeVlmError('NATIVE_MISSING', `${directory} cannot be read`, { cause });
  }
  const file = files.find((name) => pattern.test(name));
  if (file === undefined) {
    throw new EdgeVlmError('NATIVE_MISSING', `there is no library ${stem} in ${directory}`, {
      hint: `Install the native libraries again (npm install --include=optional); ${NATIVE_DIRECTORY_VARIABLE} must name a build with shared libraries.`,
    });
  }
  return path.join(directory, file);
}

function requireGlibc(): void {
  const report: unknown = process.report.getReport();
  const version = glibcVersion(report);
  if (version === undefined) throw new EdgeVlmError('NATIVE_UNSUPPORTED', 'this Linux has no glibc (musl is not supported)');
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [wantMajor, wantMinor] = MINIMUM_GLIBC;
  if (major < wantMajor || (major === wantMajor && minor < wantMinor)) {
    throw new EdgeVlmError('NATIVE_UNSUPPORTED', `glibc ${version} is older than ${wantMajor}.${wantMinor}`);
  }
}

function glibcVersion(report: unknown): string | undefined {
  if (typeof report !== 'object' || report === null || !('header' in report)) return undefined;
  const { header } = report;
  if (typeof header !== 'object' || header === null || !('glibcVersionRuntime' in header)) return undefined;
  return typeof header.glibcVersionRuntime === 'string' ? header.glibcVersionRuntime : undefined;
}
