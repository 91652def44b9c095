import { createSign, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { isIP } from 'node:net';

/** A certificate and its key, PEM. */
export interface TestCertificate {
  readonly cert: string;
  readonly key: string;
}

/** An authority that nobody else trusts. Its certificates are made when a test runs, so none can expire in the repository. */
export class TestAuthority {
  readonly #keys = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  readonly ca = this.#certificate('EdgeVLM test authority', this.#keys.publicKey, [
    extension('551d13', sequence(tlv(0x01, Buffer.from([0xff]))), true),
  ]);

  /** @param names host names and addresses it is for. @param days until it expires; negative: it has */
  issue(names: readonly string[], days = 2): TestCertificate {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    const alternatives = names.map((name) =>
      isIP(name) === 4 ? tlv(0x87, Buffer.from(name.split('.').map(Number))) : tlv(0x82, Buffer.from(name, 'ascii')),
    );
    const cert = this.#certificate('server', publicKey, [extension('551d11', sequence(...alternatives))], days);
    return { cert, key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
  }

  /** RFC 5280 §4.1. */
  #certificate(subject: string, publicKey: KeyObject, extensions: readonly Buffer[], days = 2): string {
    const algorithm = sequence(identifier('2a8648ce3d040302'));
    const content = sequence(
      tlv(0xa0, tlv(0x02, Buffer.from([2]))),
      tlv(0x02, Buffer.from([1, ...Buffer.from(String(process.hrtime.bigint()))])),
      algorithm,
      nameOf('EdgeVLM test authority'),
      sequence(timeOf(-30), timeOf(days)),
      nameOf(subject),
      publicKey.export({ type: 'spki', format: 'der' }),
      tlv(0xa3, sequence(...extensions)),
    );
    const signature = createSign('sha256').update(content).sign(this.#keys.privateKey);
    const der = sequence(content, algorithm, tlv(0x03, Buffer.concat([Buffer.from([0]), signature])));
    const lines = der.toString('base64').replace(/.{64}(?=.)/g, '$&\n');
    return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
  }
}

/** One element of DER (X.690). */
function tlv(tag: number, content: Buffer): Buffer {
  const size = content.length;
  const length = size < 128 ? [size] : size < 256 ? [0x81, size] : [0x82, size >> 8, size & 255];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

function sequence(...elements: readonly Buffer[]): Buffer {
  return tlv(0x30, Buffer.concat(elements));
}

function identifier(hex: string): Buffer {
  return tlv(0x06, Buffer.from(hex, 'hex'));
}

function extension(oid: string, value: Buffer, critical = false): Buffer {
  return sequence(identifier(oid), ...(critical ? [tlv(0x01, Buffer.from([0xff]))] : []), tlv(0x04, value));
}

function nameOf(common: string): Buffer {
  return sequence(tlv(0x31, sequence(identifier('550403'), tlv(0x0c, Buffer.from(common)))));
}

function timeOf(days: number): Buffer {
  const iso = new Date(Date.now() + days * 86_400_000).toISOString();
  return tlv(0x17, Buffer.from(`${iso.slice(2, 19).replace(/[-:T]/g, '')}Z`));
}
