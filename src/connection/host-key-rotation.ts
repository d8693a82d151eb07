import type { PrivateKey, SignatureAlgorithm } from '../crypto/keys/key.ts';
import { MAX_HOST_KEY_PROOFS } from './limits.ts';
import {
  decodeHostKeysData,
  encodeGlobalRequest,
  encodeHostKeyProof,
  encodeHostKeysData,
  encodeRequestFailure,
  encodeRequestSuccess,
  HOSTKEYS,
} from './messages.ts';

/** Clients that end the connection at a global request that they do not know; OpenSSH's server spares them too. */
const DOES_NOT_WANT_TO_KNOW = /^SSH-[\d.]+-(Cisco-1\.|TeraTerm SSH|TTSSH\/(1\.5\.|2\.[1-6]|2\.7[0-2]))/;

export interface HostKeyRotationOptions {
  /** Those that may sign, in the order of the configuration. */
  readonly hostKeys: readonly PrivateKey[];
  /** Host key algorithms that may be used, the preferred one first. */
  readonly algorithms: readonly string[];
  /** Of the key exchange. */
  readonly negotiated: string;
  readonly sessionId: Buffer;
  readonly clientVersion: string;
  /** The client has been given proofs of these keys: it is about to remember them. */
  onProved(fingerprints: readonly string[]): void;
  /** A key does not sign although it should. */
  onError(error: unknown): void;
}

/** By the list, which all connections of a configuration share. */
const KEYS_BY_BLOB = new WeakMap<readonly PrivateKey[], ReadonlyMap<string, PrivateKey>>();

/** By blob: a client refuses a list that has a key twice. */
function byBlob(hostKeys: readonly PrivateKey[]): ReadonlyMap<string, PrivateKey> {
  const known = KEYS_BY_BLOB.get(hostKeys);
  if (known !== undefined) return known;
  const made = new Map(hostKeys.map((key) => [key.publicKey.blob.toString('latin1'), key]));
  KEYS_BY_BLOB.set(hostKeys, made);
  return made;
}

/**
 * Tells a client of all host keys, and proves that they are ours, so that one which remembers keys learns a new key before
 * the old one goes (OpenSSH PROTOCOL §2.5; OpenSSH's client does it with UpdateHostKeys).
 */
export class HostKeyRotation {
  readonly #options: HostKeyRotationOptions;
  readonly #keys: ReadonlyMap<string, PrivateKey>;
  #requests = 0;

  constructor(options: HostKeyRotationOptions) {
    this.#options = options;
    this.#keys = byBlob(options.hostKeys);
  }

  /** `hostkeys-00@openssh.com` with every key, or null for a client that cannot bear it. */
  announcement(): Buffer | null {
    if (DOES_NOT_WANT_TO_KNOW.test(this.#options.clientVersion)) return null;
    const blobs = [...this.#keys.values()].map(({ publicKey }) => publicKey.blob);
    return encodeGlobalRequest({ name: HOSTKEYS, wantReply: false, data: encodeHostKeysData(blobs) });
  }

  /**
   * The answer to `hostkeys-prove-00@openssh.com`: a signature for each key asked about, or a failure where one of them is
   * not ours or is asked about twice, and after MAX_HOST_KEY_PROOFS requests: signatures cost time. `data` is that of the
   * request. Throws WireError; the promise never rejects.
   */
  prove(data: Buffer): Promise<Buffer> {
    const asked = new Set<PrivateKey>();
    let blobs = 0;
    let ours = true;
    for (const blob of decodeHostKeysData(data)) {
      const key = this.#keys.get(blob.toString('latin1'));
      blobs += 1;
      if (key !== undefined) asked.add(key);
      ours = asked.size === blobs;
      if (!ours) break;
    }
    this.#requests += 1;
    if (!ours || blobs === 0 || this.#requests > MAX_HOST_KEY_PROOFS) return Promise.resolve(encodeRequestFailure());
    return this.#sign([...asked]).catch((error: unknown) => {
      this.#options.onError(error);
      return encodeRequestFailure();
    });
  }

  async #sign(keys: readonly PrivateKey[]): Promise<Buffer> {
    const signatures: Buffer[] = [];
    for (const key of keys) {
      const data = encodeHostKeyProof(this.#options.sessionId, key.publicKey.blob);
      signatures.push(await key.sign(this.#algorithmFor(key), data));
    }
    this.#options.onProved(keys.map(({ publicKey }) => publicKey.fingerprint));
    return encodeRequestSuccess(encodeHostKeysData(signatures));
  }

  /** RSA keys have several: a client that negotiated one of them takes no other here. */
  #algorithmFor({ publicKey }: PrivateKey): SignatureAlgorithm {
    const { algorithms, negotiated } = this.#options;
    for (const name of [negotiated, ...algorithms]) {
      const found = publicKey.signatureAlgorithms.find((algorithm) => algorithm === name);
      if (found !== undefined) return found;
    }
    throw new Error(`no algorithm for a host key of type ${publicKey.type}`);
  }
}
