import { EdgeVlmError } from '../../core/errors.js';
import type { RuntimeCheck } from '../../core/runtime.js';
import { findNativeLibraries, GGML_VERSION } from './native-libraries.js';

/** Whether ggml and libllama are there; they are not loaded, so nothing of theirs can end this process. */
export function checkNative(): RuntimeCheck {
  try {
    const { directory, own } = findNativeLibraries();
    const detail = own ? `your own build in ${directory}` : 'the libraries of the package';
    return { available: true, version: GGML_VERSION, detail: `ggml and libllama: ${detail}`, install: null };
  } catch (thrown) {
    const { message } = EdgeVlmError.from(thrown);
    return { available: false, version: null, detail: message, install: 'npm install --include=optional' };
  }
}
