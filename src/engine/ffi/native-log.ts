import koffi, { type LibraryHandle } from 'koffi';

const lines: string[] = [];
/** Enough to explain a failed load, small enough never to matter. */
const LINES_KEPT = 200;

/**
 * Routes the log of ggml and libllama into memory. An abort is not logged: ggml prints it to stderr and
 * dies, and whoever started the process finds it there.
 */
export function captureNativeLog(base: LibraryHandle, llama: LibraryHandle): void {
  const type = koffi.pointer(koffi.proto('void edgevlm_log(int level, const char* text, void* user_data)'));
  const callback = koffi.register((_level: number, text: string) => {
    if (text.length <= 1) return; // progress dots
    lines.push(text.trimEnd());
    if (lines.length > LINES_KEPT) lines.shift();
  }, type);
  base.func('ggml_log_set', 'void', [type, 'void*'])(callback, null);
  llama.func('llama_log_set', 'void', [type, 'void*'])(callback, null);
}

/** The newest lines that ggml and libllama logged, oldest first. */
export function nativeLog(count = 20): string[] {
  return lines.slice(-count);
}
