/**
 * Sums a stretch of memory, 64 bytes a turn. WebAssembly because JavaScript has no vector loads, and because a limit
 * must not be measured with the kernels it judges. Assembled with wabt 1.0.39 from:
 *
 * (module (import "env" "memory" (memory 1))
 *  (func (export "read") (param $at i32) (param $end i32) (result i64)
 *   (local $a v128) (local $b v128) (local $c v128) (local $d v128)
 *   (loop $next
 *    (local.set $a (i64x2.add (local.get $a) (v128.load (local.get $at))))
 *    … the same for $b, $c, $d at offset=16, 32, 48 …
 *    (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 64))) (local.get $end))))
 *   (i64x2.extract_lane 0 (i64x2.add (i64x2.add (local.get $a) (local.get $b)) (i64x2.add (local.get $c) (local.get $d))))))
 */
const READ_WASM =
  'AGFzbQEAAAABBwFgAn9/AX4CDwEDZW52Bm1lbW9yeQIAAQMCAQAHCAEEcmVhZAAACl4BXAEEewNAIAIgAP0ABAD9zgEhAiADIAD9AAQQ/c4BIQMg' +
  'BCAA/QAEIP3OASEEIAUgAP0ABDD9zgEhBSAAQcAAaiIAIAFJDQALIAIgA/3OASAEIAX9zgH9zgH9HQAL';
const PAGE_BYTES = 65_536;

/** The part of WebAssembly used here; Node's type declarations leave it to those of browsers. */
interface WebAssemblyApi {
  readonly Memory: new (descriptor: { initial: number }) => { readonly buffer: ArrayBuffer };
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: { read(from: number, to: number): bigint } };
}

/** Memory filled with ones, and a function that reads all of it and returns the sum of its 64-bit words. */
export function createReadKernel(bytes: number): { readonly read: () => bigint; readonly bytes: number } {
  const { WebAssembly: api } = globalThis as unknown as { WebAssembly: WebAssemblyApi };
  const memory = new api.Memory({ initial: Math.ceil(bytes / PAGE_BYTES) });
  new BigInt64Array(memory.buffer).fill(1n);
  const { exports } = new api.Instance(new api.Module(Buffer.from(READ_WASM, 'base64')), { env: { memory } });
  const size = memory.buffer.byteLength;
  return { bytes: size, read: () => exports.read(0, size) };
}
