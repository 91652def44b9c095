import { timingSafeEqual } from 'node:crypto';
import { stat } from 'node:fs/promises';
import type { Logger } from '../../core/logger.js';
import { hashKey, type KeyFile } from './key-file.js';
import { type Scope, SCOPES } from './scope.js';

/** What a key that was presented lets its holder do. */
export interface Access {
  /** The same for every request with this key, and not the key. */
  readonly client: string;
  readonly scopes: ReadonlySet<Scope>;
}

interface KnownKey extends Access {
  readonly hash: Buffer;
  readonly expires_ms: number;
}

export interface KeyRingOptions {
  /** Keys that were given to the server itself; they may do everything. */
  readonly given: readonly string[];
  /** Keys that were made, and may be made and revoked while the server runs. */
  readonly file?: KeyFile;
  readonly logger?: Logger;
  /** Milliseconds since 1970. */
  readonly now_ms?: () => number;
}

/** How often the file is looked at, at most. */
const LOOK_MS = 1000;

/** The keys that a running server takes. */
export class KeyRing {
  readonly #given: readonly KnownKey[];
  #made: readonly KnownKey[] = [];
  #areAsked: boolean;
  #stamp = '';
  #looked_ms = -Infinity;
  readonly #now_ms: () => number;

  private constructor(private readonly options: KeyRingOptions) {
    this.#given = options.given.map((key) => known(hashKey(key), SCOPES, Infinity));
    this.#areAsked = this.#given.length > 0;
    this.#now_ms = options.now_ms ?? Date.now;
  }

  /** @throws EdgeVlmError KEYS_INVALID, FILE_UNREADABLE: with a file that cannot be read no server is started */
  static async open(options: KeyRingOptions): Promise<KeyRing> {
    const ring = new KeyRing(options);
    await ring.#read();
    return ring;
  }

  /** Whether requests need a key. Once they do it stays so: revoking the last key shuts everybody out and lets nobody in. */
  get areAsked(): boolean {
    return this.#areAsked;
  }

  /** How many there are, expired ones among them. */
  get size(): number {
    return this.#given.length + this.#made.length;
  }

  /** Takes in what changed in the file; while that cannot be read, the keys before it hold. */
  async refresh(): Promise<void> {
    const now_ms = this.#now_ms();
    if (this.options.file === undefined || now_ms - this.#looked_ms < LOOK_MS) return;
    this.#looked_ms = now_ms;
    if ((await this.#look()) === this.#stamp) return;
    try {
      await this.#read();
      this.options.logger?.info('API keys read', { keys: this.#made.length });
    } catch (error) {
      this.options.logger?.error('the API keys cannot be read; those from before hold', { error });
    }
  }

  /** What a key is good for; undefined for one that is not known or has expired. */
  find(presented: string): Access | undefined {
    const hash = hashKey(presented);
    // All are looked at, so that the time says nothing of which was nearly right.
    const [found] = [...this.#given, ...this.#made].filter((one) => timingSafeEqual(one.hash, hash));
    return found === undefined || found.expires_ms <= this.#now_ms() ? undefined : found;
  }

  async #read(): Promise<void> {
    const { file } = this.options;
    if (file === undefined) return;
    // Before the file: a change meanwhile is seen the next time.
    this.#stamp = await this.#look();
    const records = await file.read();
    this.#made = records.map(({ sha256, scopes, expiresAt }) =>
      known(Buffer.from(sha256, 'hex'), scopes, expiresAt === null ? Infinity : Date.parse(expiresAt)),
    );
    this.#areAsked ||= records.length > 0;
  }

  async #look(): Promise<string> {
    const { file } = this.options;
    if (file === undefined) return '';
    return stat(file.path).then(
      ({ mtimeMs, size, ino }) => `${mtimeMs} ${size} ${ino}`,
      () => 'none',
    );
  }
}

function known(hash: Buffer, scopes: readonly Scope[], expires_ms: number): KnownKey {
  return { hash, client: hash.toString('hex'), scopes: new Set(scopes), expires_ms };
}
