import koffi, { type LibraryHandle } from 'koffi';

import { EdgeVlmError } from '../../core/errors.js';
import { bindGgml, type GgmlFunctions } from './ggml-functions.js';
import { bindLlama, type LlamaFunctions } from './llama-functions.js';
import { captureNativeLog } from './native-log.js';
import { findNativeLibraries, GGML_VERSION, NATIVE_DIRECTORY_VARIABLE, type NativeLibraries } from './native-libraries.js';
import type { Pointer } from './pointer.js';

/** ggml and libllama, loaded once per process. */
export interface Native {
  readonly ggml: GgmlFunctions;
  readonly llama: LlamaFunctions;
  /** Address of `ggml_is_empty`, a C predicate that native code may call back; see `AbortFlag`. */
  readonly isEmptyAddress: Pointer;
  /** Whether the user built them; then they hold the kernels of every device that was built. */
  readonly own: boolean;
}

let native: Native | undefined;

/**
 * Loads the libraries on first use and registers the CPU kernels that suit this processor best.
 * @throws NATIVE_UNSUPPORTED, NATIVE_MISSING, NATIVE_FAILED
 */
export function loadNative(): Native {
  if (native !== undefined) return native;
  const libraries = findNativeLibraries();
  try {
    const base = koffi.load(libraries.ggmlBase, { global: true });
    const registry = koffi.load(libraries.ggml, { global: true });
    const llamaLibrary = koffi.load(libraries.llama, { global: true });
    captureNativeLog(base, llamaLibrary);
    requireVersion(base, libraries);
    const ggml = bindGgml(base, registry);
    const llama = bindLlama(llamaLibrary);
    ggml.ggml_backend_load_all_from_path(libraries.directory);
    llama.llama_backend_init();
    native = { ggml, llama, isEmptyAddress: base.symbol('ggml_is_empty') as Pointer, own: libraries.own };
    return native;
  } catch (thrown) {
    if (thrown instanceof EdgeVlmError) throw thrown;
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw new EdgeVlmError('NATIVE_FAILED', `the native libraries do not load: ${reason}`, { cause: thrown });
  }
}

function requireVersion(base: LibraryHandle, { directory, own }: NativeLibraries): void {
  const version: unknown = base.func('ggml_version', 'str', [])();
  if (version === GGML_VERSION) return;
  throw new EdgeVlmError('NATIVE_FAILED', `${directory} holds ggml ${String(version)}; this engine speaks ${GGML_VERSION} alone`, {
    hint: own
      ? `Build the release of llama.cpp that has ggml ${GGML_VERSION}, or unset ${NATIVE_DIRECTORY_VARIABLE}.`
      : 'Install the version that package.json asks for: npm ci.',
  });
}
