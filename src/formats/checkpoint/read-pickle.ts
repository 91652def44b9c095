import { EdgeVlmError } from '../../core/errors.js';
import { isKind, type PickleValue } from './pickle-value.js';
import { applyGlobal, globalNamed, storageOf } from './rebuild.js';

/** Opcodes of Python's pickle that a checkpoint of tensors needs. Source: CPython's Lib/pickletools.py. */
const OPCODES = {
  MARK: 0x28,
  EMPTY_TUPLE: 0x29,
  STOP: 0x2e,
  BINFLOAT: 0x47,
  BININT: 0x4a,
  BININT1: 0x4b,
  BININT2: 0x4d,
  NONE: 0x4e,
  BINPERSID: 0x51,
  REDUCE: 0x52,
  BINUNICODE: 0x58,
  EMPTY_LIST: 0x5d,
  APPEND: 0x61,
  BUILD: 0x62,
  GLOBAL: 0x63,
  APPENDS: 0x65,
  BINGET: 0x68,
  LONG_BINGET: 0x6a,
  BINPUT: 0x71,
  LONG_BINPUT: 0x72,
  SETITEM: 0x73,
  TUPLE: 0x74,
  SETITEMS: 0x75,
  EMPTY_DICT: 0x7d,
  PROTO: 0x80,
  TUPLE1: 0x85,
  TUPLE2: 0x86,
  TUPLE3: 0x87,
  NEWTRUE: 0x88,
  NEWFALSE: 0x89,
  LONG1: 0x8a,
  SHORT_BINUNICODE: 0x8c,
  STACK_GLOBAL: 0x93,
  MEMOIZE: 0x94,
  FRAME: 0x95,
} as const;
type Opcode = keyof typeof OPCODES;
const OPCODE_NAMES: ReadonlyMap<number, Opcode> = new Map(Object.entries(OPCODES).map(([name, code]) => [code, name as Opcode]));

/** PyTorch writes 2; 4 and 5 add nothing that runs. */
const MAX_PROTOCOL = 5;
/** A global's module and name are short. */
const MAX_LINE_BYTES = 256;

/**
 * Reads a pickle as data: tensors, dictionaries, lists, numbers and text. It is a list of instructions for a stack machine; this one
 * knows those that such data need, and has none that runs code, imports a module or makes an object of a class.
 * @throws EdgeVlmError CHECKPOINT_UNSUPPORTED for any other instruction or name, CHECKPOINT_INVALID for a broken one
 */
export function readPickle(bytes: Buffer): PickleValue {
  return new PickleMachine(bytes).run();
}

class PickleMachine {
  #at = 0;
  readonly #stack: PickleValue[] = [];
  /** Heights of the stack. */
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, PickleValue>();

  constructor(private readonly bytes: Buffer) {}

  run(): PickleValue {
    for (;;) {
      const code = this.#take(1).readUInt8();
      const opcode = OPCODE_NAMES.get(code);
      if (opcode === undefined) {
        throw new EdgeVlmError('CHECKPOINT_UNSUPPORTED', `it has the pickle instruction 0x${code.toString(16)}, which tensors do not need`);
      }
      if (opcode === 'STOP') return this.#pop();
      const value = this.#step(opcode);
      if (value !== undefined) this.#stack.push(value);
    }
  }

  /** Does one instruction and gives what it puts on the stack. */
  #step(opcode: Exclude<Opcode, 'STOP'>): PickleValue | undefined {
    switch (opcode) {
      case 'PROTO':
        if (this.#take(1).readUInt8() > MAX_PROTOCOL)
          throw new EdgeVlmError('CHECKPOINT_UNSUPPORTED', 'it has a pickle of a later protocol');
        return undefined;
      case 'FRAME':
        this.#take(8);
        return undefined;
      case 'MARK':
        this.#marks.push(this.#stack.length);
        return undefined;
      case 'NONE':
        return null;
      case 'NEWTRUE':
        return true;
      case 'NEWFALSE':
        return false;
      case 'BININT':
        return this.#take(4).readInt32LE();
      case 'BININT1':
        return this.#take(1).readUInt8();
      case 'BININT2':
        return this.#take(2).readUInt16LE();
      case 'LONG1':
        return this.#long();
      case 'BINFLOAT':
        return this.#take(8).readDoubleBE();
      case 'BINUNICODE':
        return this.#take(this.#take(4).readUInt32LE()).toString('utf8');
      case 'SHORT_BINUNICODE':
        return this.#take(this.#take(1).readUInt8()).toString('utf8');
      case 'EMPTY_DICT':
        return new Map();
      case 'EMPTY_LIST':
      case 'EMPTY_TUPLE':
        return [];
      case 'TUPLE1':
        return this.#popMany(1);
      case 'TUPLE2':
        return this.#popMany(2);
      case 'TUPLE3':
        return this.#popMany(3);
      case 'TUPLE':
        return this.#popToMark();
      case 'APPEND':
        this.#append(this.#popMany(1));
        return undefined;
      case 'APPENDS':
        this.#append(this.#popToMark());
        return undefined;
      case 'SETITEM':
        this.#setItems(this.#popMany(2));
        return undefined;
      case 'SETITEMS':
        this.#setItems(this.#popToMark());
        return undefined;
      case 'BINPUT':
        this.#remember(this.#take(1).readUInt8());
        return undefined;
      case 'LONG_BINPUT':
        this.#remember(this.#take(4).readUInt32LE());
        return undefined;
      case 'MEMOIZE':
        this.#remember(this.#memo.size);
        return undefined;
      case 'BINGET':
        return this.#recall(this.#take(1).readUInt8());
      case 'LONG_BINGET':
        return this.#recall(this.#take(4).readUInt32LE());
      case 'GLOBAL':
        return globalNamed(this.#line(), this.#line());
      case 'STACK_GLOBAL': {
        const [module, name] = this.#popMany(2);
        if (typeof module !== 'string' || typeof name !== 'string') throw invalid('a name that is no text');
        return globalNamed(module, name);
      }
      case 'BINPERSID':
        return storageOf(this.#pop());
      case 'REDUCE': {
        const [callee, args] = this.#popMany(2);
        if (!isKind(callee, 'global') || !Array.isArray(args)) throw invalid('a call without a name and arguments');
        return applyGlobal(callee, args);
      }
      case 'BUILD': {
        // An OrderedDict's attributes, such as a state_dict's `_metadata` of versions: nothing that tensors need.
        this.#pop();
        if (!(this.#stack.at(-1) instanceof Map)) throw invalid('attributes of something that is no dictionary');
        return undefined;
      }
    }
  }

  #pop(): PickleValue {
    const [value = null] = this.#popMany(1);
    return value;
  }

  #popMany(count: number): PickleValue[] {
    if (this.#stack.length - (this.#marks.at(-1) ?? 0) < count) throw invalid('an instruction that lacks its arguments');
    return this.#stack.splice(this.#stack.length - count);
  }

  #popToMark(): PickleValue[] {
    const mark = this.#marks.pop();
    if (mark === undefined) throw invalid('an instruction that lacks its mark');
    return this.#stack.splice(mark);
  }

  #append(values: readonly PickleValue[]): void {
    const list = this.#top();
    if (!Array.isArray(list)) throw invalid('an element of something that is no list');
    for (const value of values) list.push(value);
  }

  #setItems(pairs: readonly PickleValue[]): void {
    const dict = this.#top();
    if (!(dict instanceof Map) || pairs.length % 2 !== 0) throw invalid('an item of something that is no dictionary');
    for (let i = 0; i < pairs.length; i += 2) dict.set(pairs[i] ?? null, pairs[i + 1] ?? null);
  }

  #top(): PickleValue | undefined {
    return this.#stack.length > (this.#marks.at(-1) ?? 0) ? this.#stack.at(-1) : undefined;
  }

  #remember(key: number): void {
    const value = this.#top();
    if (value === undefined) throw invalid('nothing to remember');
    this.#memo.set(key, value);
  }

  #recall(key: number): PickleValue {
    const value = this.#memo.get(key);
    if (value === undefined) throw invalid('a reference to nothing');
    return value;
  }

  /** A little-endian two's complement number. */
  #long(): number {
    const digits = this.#take(this.#take(1).readUInt8());
    let value = 0n;
    for (let i = digits.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(digits[i] ?? 0);
    const number = Number(BigInt.asIntN(8 * digits.length, value));
    if (!Number.isSafeInteger(number)) throw invalid('a number beyond 2^53');
    return number;
  }

  #line(): string {
    const end = this.bytes.indexOf(0x0a, this.#at);
    if (end < 0 || end - this.#at > MAX_LINE_BYTES) throw invalid('a name that does not end');
    const line = this.bytes.toString('utf8', this.#at, end);
    this.#at = end + 1;
    return line;
  }

  #take(length: number): Buffer {
    if (length > this.bytes.length - this.#at) throw invalid('a pickle that is cut short');
    this.#at += length;
    return this.bytes.subarray(this.#at - length, this.#at);
  }
}

function invalid(what: string): EdgeVlmError {
  return new EdgeVlmError('CHECKPOINT_INVALID', `it holds ${what}`);
}
