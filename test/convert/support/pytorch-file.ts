import { crc32 } from 'node:zlib';
import { fixtureNumbers, type WeightRow } from '../../tiny-checkpoint.js';

/** A checkpoint of float32 tensors as `torch.save` writes it: a zip archive, stored, with a pickle of protocol 2. */
export function pytorchFile(rows: readonly WeightRow[]): Buffer {
  const files: [name: string, bytes: Buffer][] = [];
  const items: Buffer[] = [];
  let element = 0;
  for (const [key, [name, shape, mean, range]] of rows.entries()) {
    const count = shape.reduce((product, size) => product * size, 1);
    items.push(text(name), tensor(String(key), count, shape));
    files.push([`data/${key}`, Buffer.from(fixtureNumbers(element, count, mean, range).buffer)]);
    element += count;
  }
  const pickle = Buffer.concat([Buffer.from([0x80, 2]), Buffer.from('}('), ...items, Buffer.from('u.')]);
  return zip([['data.pkl', pickle], ['byteorder', Buffer.from('little')], ...files]);
}

const text = (value: string): Buffer => Buffer.concat([Buffer.from('X'), u32(Buffer.byteLength(value)), Buffer.from(value)]);
const number = (value: number): Buffer => Buffer.concat([Buffer.from('J'), u32(value)]);
const tuple = (values: readonly Buffer[]): Buffer => Buffer.concat([Buffer.from('('), ...values, Buffer.from('t')]);

/** `torch._utils._rebuild_tensor_v2(storage, 0, shape, stride, False, OrderedDict())` */
function tensor(key: string, count: number, shape: readonly number[]): Buffer {
  const strides = shape.map((_, i) => shape.slice(i + 1).reduce((product, size) => product * size, 1));
  const storage = Buffer.concat([
    tuple([text('storage'), Buffer.from('ctorch\nFloatStorage\n'), text(key), text('cpu'), number(count)]),
    Buffer.from('Q'),
  ]);
  const hooks = Buffer.from('ccollections\nOrderedDict\n)R');
  const args = [storage, number(0), tuple(shape.map(number)), tuple(strides.map(number)), Buffer.from([0x89]), hooks];
  return Buffer.concat([Buffer.from('ctorch._utils\n_rebuild_tensor_v2\n'), tuple(args), Buffer.from('R')]);
}

function zip(files: readonly (readonly [name: string, bytes: Buffer])[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, bytes] of files) {
    const path = Buffer.from(`archive/${name}`);
    // Version, flags, method, time, date; then what both headers share.
    const shared = [u32(crc32(bytes)), u32(bytes.length), u32(bytes.length), u16(path.length), u16(0)];
    const local = Buffer.concat([u32(0x04034b50), u16(10), u16(0), u16(0), u32(0), ...shared, path]);
    const entry = [u32(0x02014b50), u16(10), u16(10), u16(0), u16(0), u32(0), ...shared, u16(0), u16(0), u16(0), u32(0), u32(offset)];
    directory.push(...entry, path);
    parts.push(local, bytes);
    offset += local.length + bytes.length;
  }
  const list = Buffer.concat(directory);
  const end = [u32(0x06054b50), u32(0), u16(files.length), u16(files.length), u32(list.length), u32(offset), u16(0)];
  return Buffer.concat([...parts, list, ...end]);
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}
