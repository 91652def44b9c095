import koffi from 'koffi';

import { EdgeVlmError } from '../../core/errors.js';
import { bindGgml, type GgmlFunctions } from './ggml-functions.js';
import { bindLlama, type LlamaFunctions } from './llama-functions.js';
import { captureNativeLog } from './native-log.js';
import { findNativeLibraries } from './native-libraries.js';
import type { Pointer } from './pointer.js';

/** ggml and libllama, loaded once per process. */
export interface Native {
  readonly ggml: GgmlFunctions;
  readonly llama: LlamaFunctions;
  /** Address of `ggml_is_empty`, a C predicate that native code may call back; see `AbortFlag`. */
  readonly isEmptyAddress: Pointer;
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
    const ggml = bindGgml(base, registry);
    const llama = bindLlama(llamaLibrary);
    ggml.ggml_backend_load_all_from_path(libraries.directory);
    llama.llama_backend_init();
    native = { ggml, llama, isEmptyAddress: base.symbol('ggml_is_empty') as Pointer };
    return native;
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw new EdgeVlmError('NATIVE_FAILED', `the native libraries do not load: ${reason}`, { cause: thrown });
  }
}
