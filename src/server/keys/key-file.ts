import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { EdgeVlmError } from '../../core/errors.js';
import { writeFileAtomically } from '../../core/write-file-atomically.js';
import { type Scope, SCOPES } from './scope.js';

const Time = Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$' });

const KeyRecord = Type.Object(
  {
    id: Type.String({ pattern: '^[0-9a-f]{8}$' }),
    name: Type.String({ maxLength: 100 }),
    /** Of the key as it is sent, hexadecimal. */
    sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    scopes: Type.Array(Type.Enum([...SCOPES]), { minItems: 1, maxItems: SCOPES.length }),
    createdAt: Time,
    expiresAt: Type.Union([Time, Type.Null()]),
  },
  { additionalProperties: false },
);
const Keys = Type.Object({ version: Type.Literal(1), keys: Type.Array(KeyRecord, { maxItems: 10_000 }) }, { additionalProperties: false });

/** What is kept of a key: not the key. */
export type KeyRecord = Static<typeof KeyRecord>;

export interface NewKey {
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** null: never. */
  readonly expiresAt: Date | null;
}

/** So that scanners for leaked secrets, and people, know one when they see it. */
const PREFIX = 'evlm_';
const KEY_BYTES = 32;
const MOST_BYTES = 10_000_000;
const LOCK_TRIES = 50;
const LOCK_WAIT_MS = 100;

/**
 * The hash that is kept of a key. One round of SHA-256 without salt is right for 256 random bits, which nobody can guess: NIST SP
 * 800-63B (2017) §5.1.2.2 asks for no more from 112 bits on.
 */
export function hashKey(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

/** The file that remembers the keys that were made; only its owner may read it. Several processes may change it. */
export class KeyFile {
  constructor(readonly path: string) {}

  /** Empty where there is no file. @throws EdgeVlmError KEYS_INVALID, FILE_UNREADABLE */
  async read(): Promise<KeyRecord[]> {
    let text: string;
    try {
      const bytes = await readFile(this.path);
      if (bytes.length > MOST_BYTES) throw this.#invalid(`is larger than ${MOST_BYTES} bytes`);
      text = bytes.toString('utf8');
    } catch (cause) {
      if (cause instanceof EdgeVlmError) throw cause;
      if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return [];
      throw new EdgeVlmError('FILE_UNREADABLE', `${this.path} cannot be read`, { cause });
    }
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (cause) {
      throw this.#invalid('is not JSON', cause);
    }
    if (Value.Check(Keys, value)) return value.keys;
    const [first] = Value.Errors(Keys, value);
    throw this.#invalid(`is not a list of keys: ${first?.instancePath ?? ''} ${first?.message ?? 'is wrong'}`);
  }

  /**
   * Makes a key. It is told here and never again.
   * @throws EdgeVlmError KEYS_INVALID, FILE_UNREADABLE, FILE_UNWRITABLE
   */
  async create({ name, scopes, expiresAt }: NewKey): Promise<{ readonly key: string; readonly record: KeyRecord }> {
    const key = PREFIX + randomBytes(KEY_BYTES).toString('base64url');
    return this.#change((records) => {
      const ids = new Set(records.map(({ id }) => id));
      let id: string;
      do id = randomBytes(4).toString('hex');
      while (ids.has(id));
      const record: KeyRecord = {
        ...{ id, name, sha256: hashKey(key).toString('hex'), scopes: [...scopes] },
        ...{ createdAt: new Date().toISOString(), expiresAt: expiresAt?.toISOString() ?? null },
      };
      return { records: [...records, record], result: { key, record } };
    });
  }

  /** Forgets a key; a running server refuses it within a second. @throws EdgeVlmError KEY_UNKNOWN; as `create` */
  async revoke(id: string): Promise<KeyRecord> {
    return this.#change((records) => {
      const result = records.find((record) => record.id === id);
      if (result === undefined) throw new EdgeVlmError('KEY_UNKNOWN', `there is no key ${JSON.stringify(id.slice(0, 64))}`);
      return { records: records.filter((record) => record !== result), result };
    });
  }

  /** What is in the file stays there until all of what replaces it is on the disk. */
  async #change<T>(make: (records: readonly KeyRecord[]) => { readonly records: KeyRecord[]; readonly result: T }): Promise<T> {
    try {
      await mkdir(dirname(this.path), { recursive: true });
    } catch (cause) {
      throw new EdgeVlmError('FILE_UNWRITABLE', `${dirname(this.path)} cannot be made`, { cause });
    }
    const unlock = await this.#lock();
    try {
      const { records, result } = make(await this.read());
      const text = `${JSON.stringify({ version: 1, keys: records } satisfies Static<typeof Keys>, null, 2)}\n`;
      await writeFileAtomically(this.path, (write) => write(Buffer.from(text)), { mode: 0o600 });
      return result;
    } finally {
      await unlock();
    }
  }

  async #lock(): Promise<() => Promise<void>> {
    const lock = `${this.path}.lock`;
    for (let attempt = 1; ; attempt++) {
      try {
        await (await open(lock, 'wx')).close();
        return () => rm(lock, { force: true });
      } catch (cause) {
        const isHeld = cause instanceof Error && 'code' in cause && cause.code === 'EEXIST';
        if (!isHeld) throw new EdgeVlmError('FILE_UNWRITABLE', `${lock} cannot be made`, { cause });
        if (attempt === LOCK_TRIES) {
          throw new EdgeVlmError('FILE_UNWRITABLE', `${lock} says that another process changes the keys`, {
            cause,
            hint: 'Run the command again; if no other `edgevlm keys` runs, one was killed: remove the lock file.',
          });
        }
        await sleep(LOCK_WAIT_MS);
      }
    }
  }

  #invalid(problem: string, cause?: unknown): EdgeVlmError {
    return new EdgeVlmError('KEYS_INVALID', `${this.path} ${problem}`, cause === undefined ? {} : { cause });
  }
}
