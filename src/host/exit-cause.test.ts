import { expect, test } from 'vitest';
import { describeExit, exitCause, nativeMessage } from './exit-cause.js';

test.each([
  [3, null, 'ended with exit code 3'],
  [null, 'SIGSEGV', 'was ended by SIGSEGV (invalid memory access)'],
  [null, 'SIGABRT', 'was ended by SIGABRT (native code gave up)'],
  [null, 'SIGKILL', 'was ended by SIGKILL (probably out of memory)'],
  [null, 'SIGUSR2', 'was ended by SIGUSR2'],
] as const)('exit(%s, %s) %s', (code, signal, words) => {
  expect(describeExit(exitCause(code, signal))).toBe(words);
});

test('a ggml abort is found above its backtrace, without the path of the build machine', () => {
  const stderr = [
    'llama_model_loader: loaded meta data',
    '/home/builder/llama.cpp/ggml/src/ggml.c:3156: GGML_ASSERT(ggml_can_mul_mat(a, b)) failed',
    'WARNING: Using native backtrace. Set GGML_BACKTRACE_LLDB for more info.',
    '[New LWP 4711]',
    '#0  0x00007f3a in wait4 () from /lib/x86_64-linux-gnu/libc.so.6',
    '/opt/libggml-base.so(+0x1a2b3)[0x7f3a4c5d]',
    '/opt/libggml-base.so(ggml_abort+0x15f)[0x7f3a4c5e]',
    '',
  ].join('\n');
  expect(nativeMessage(stderr)).toBe('ggml.c:3156: GGML_ASSERT(ggml_can_mul_mat(a, b)) failed');
});

test('a path with spaces is cut too, and so is one of Windows', () => {
  expect(nativeMessage('/my build/ggml.c:1: GGML_ASSERT(x) failed')).toBe('ggml.c:1: GGML_ASSERT(x) failed');
  expect(nativeMessage(String.raw`D:\a\llama\ggml.c:12: fatal error`)).toBe('ggml.c:12: fatal error');
});

test('an uncaught C++ exception keeps both of its lines', () => {
  const stderr = "terminate called after throwing an instance of 'std::bad_alloc'\n  what():  std::bad_alloc\n";
  expect(nativeMessage(stderr)).toBe("terminate called after throwing an instance of 'std::bad_alloc' what():  std::bad_alloc");
});

test('an uncaught JavaScript error is found above its stack', () => {
  const stderr =
    "file:///srv/app/worker.js:3\nthrow new TypeError('no model');\n      ^\n\nTypeError: no model\n    at file:///srv/app/worker.js:3:7\n\nNode.js v20.19.0\n";
  expect(nativeMessage(stderr)).toContain('TypeError: no model');
  expect(nativeMessage(stderr)).not.toMatch(/Node\.js|\bat\b/);
});

test('otherwise the last line is told, and silence is null', () => {
  expect(nativeMessage('loading\nbye\n\n')).toBe('bye');
  expect(nativeMessage(' \n')).toBeNull();
});
