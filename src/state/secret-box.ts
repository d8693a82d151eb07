import { createCipheriv, createDecipheriv, createSecretKey, randomBytes, type KeyObject } from 'node:crypto';

/** AES-256-GCM with the sizes of NIST SP 800-38D §5.2.1: a 96-bit nonce, a 128-bit tag. In bytes. */
const CIPHER = 'aes-256-gcm';
export const SECRET_KEY_SIZE = 32;
const NONCE_SIZE = 12;
const TAG_SIZE = 16;

/** The first part of every sealed secret: what follows may one day be built otherwise. */
const FORMAT = 'lp1';

/** One key and the name by which sealed secrets refer to it. */
export interface SecretKey {
  /** Letters, digits, `.`, `_` and `-`; at most 64. */
  readonly id: string;
  readonly key: KeyObject;
}

/** Which record a secret belongs to. A sealed secret can be opened in its own place only. */
export type SecretPlace = readonly string[];

/** A sealed secret cannot be opened: its key is not here, is another one, or somebody has changed the record. */
export class SecretUnreadable extends Error {
  override readonly name = 'SecretUnreadable';
}

/** Encrypts the secrets of the state with its first key, and decrypts with any of its keys. */
export class SecretBox {
  readonly #keys: ReadonlyMap<string, KeyObject>;
  readonly #first: SecretKey;
  /** Where the keys come from, for messages. */
  readonly #source: string;

  /**
   * @param keys the first encrypts; ids must differ
   * @param source a file or a variable, as messages name it
   * @throws RangeError where there is no key, or one is not of 32 bytes
   */
  constructor(keys: readonly SecretKey[], source: string) {
    const [first] = keys;
    if (first === undefined) throw new RangeError('a secret box needs a key');
    if (keys.some(({ key }) => key.symmetricKeySize !== SECRET_KEY_SIZE)) {
      throw new RangeError(`a key of a secret box has ${SECRET_KEY_SIZE} bytes`);
    }
    this.#first = first;
    this.#keys = new Map(keys.map(({ id, key }) => [id, key]));
    this.#source = source;
  }

  /** The id of the key that encrypts. */
  get keyId(): string {
    return this.#first.id;
  }

  /** The secret as text: format, key id, and nonce, ciphertext and tag in base64url. */
  seal(secret: string, place: SecretPlace): string {
    const nonce = randomBytes(NONCE_SIZE);
    const cipher = createCipheriv(CIPHER, this.#first.key, nonce, { authTagLength: TAG_SIZE });
    cipher.setAAD(associatedData(this.#first.id, place));
    const plain = Buffer.from(secret, 'utf8');
    const sealed = Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    plain.fill(0);
    return [FORMAT, this.#first.id, sealed.toString('base64url')].join(':');
  }

  /** @throws SecretUnreadable */
  open(sealed: string, place: SecretPlace): string {
    const [format, id = '', body = '', ...more] = sealed.split(':');
    if (format !== FORMAT || more.length > 0) {
      throw new SecretUnreadable(`the secret of ${place.join(' ')} is not in a format that this version knows`);
    }
    const key = this.#keys.get(id);
    if (key === undefined) {
      throw new SecretUnreadable(
        `the secret of ${place.join(' ')} is encrypted with the key "${id}", which is not in ${this.#source}`,
      );
    }
    const bytes = Buffer.from(body, 'base64url');
    const plain: Buffer[] = [];
    try {
      const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE_SIZE), { authTagLength: TAG_SIZE });
      decipher.setAAD(associatedData(id, place));
      decipher.setAuthTag(bytes.subarray(-TAG_SIZE));
      plain.push(decipher.update(bytes.subarray(NONCE_SIZE, -TAG_SIZE)));
      decipher.final();
      return plain.map((part) => part.toString('utf8')).join('');
    } catch {
      throw new SecretUnreadable(
        `the secret of ${place.join(' ')} cannot be decrypted: the key "${id}" in ${this.#source} is not the one that encrypted it, or the record was changed`,
      );
    } finally {
      for (const part of plain) part.fill(0);
    }
  }
}

/** JSON keeps the parts apart, whatever they contain. */
function associatedData(keyId: string, place: SecretPlace): Buffer {
  return Buffer.from(JSON.stringify([FORMAT, keyId, ...place]), 'utf8');
}

/** Takes the key into OpenSSL's memory, which is wiped when nobody holds it any more, and wipes `bytes`. */
export function secretKeyOf(id: string, bytes: Buffer): SecretKey {
  try {
    return { id, key: createSecretKey(bytes) };
  } finally {
    bytes.fill(0);
  }
}
