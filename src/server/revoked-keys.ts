import { readFileSync, statSync } from 'node:fs';
import { signatureOf } from '../config/config-watcher.ts';
import {
  MAX_REVOCATION_LIST_BYTES,
  parseRevocationList,
  revokedByAny,
  RevocationListError,
} from '../crypto/keys/revocation-list.ts';
import type { RevocableCertificate, RevocationList } from '../crypto/keys/revocation-list.ts';
import { ConfigError, jsonPathOf } from '../policy/config-error.ts';

/** Milliseconds between two looks at the files. */
const LOOK_MS = 2000;

/** Revocation lists as they were read from their files. */
export interface RevokedKeyFiles {
  readonly files: readonly string[];
  /** The configuration that names them, for messages. */
  readonly configFile: string;
  /** Of the files before they were read: see `signatureOf`. */
  readonly signature: string;
  readonly list: RevocationList;
}

/**
 * Reads the revocation lists that a configuration names. Throws ConfigError for the first that cannot be used: to go on without it
 * would let in whoever stands in it.
 */
export function loadRevokedKeys(files: readonly string[], configFile: string): RevokedKeyFiles {
  const signature = signatureOfAll(files);
  const list = revokedByAny(files.map((file, index) => readList(file, configFile, index)));
  return { files, configFile, signature, list };
}

function readList(file: string, configFile: string, index: number): RevocationList {
  const refuse = (problem: string): never => {
    throw new ConfigError(configFile, jsonPathOf(['auth', 'revokedKeys', index]), problem);
  };
  let bytes: Buffer;
  try {
    const { size } = statSync(file);
    if (size > MAX_REVOCATION_LIST_BYTES) {
      return refuse(`${file} is no usable revocation list: longer than ${MAX_REVOCATION_LIST_BYTES} bytes`);
    }
    bytes = readFileSync(file);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    return refuse(`revocation list cannot be read: ${(error as Error).message}`);
  }
  try {
    return parseRevocationList(bytes);
  } catch (error) {
    if (error instanceof RevocationListError) return refuse(`${file} is no usable revocation list: ${error.message}`);
    throw error;
  }
}

export interface RevokedKeysHandler {
  /** The files have changed, and what they say now is in force. */
  onChange(files: readonly string[]): void;
  /** The files have changed and cannot be used: what they said before stays in force. Each change is told once. */
  onProblem(problem: ConfigError): void;
}

/** The revocation lists in force, which follow their files: whoever holds this asks the newest. */
export class RevokedKeys implements RevocationList {
  #inForce: RevokedKeyFiles;
  /** Of the files when they were last read, usable or not. */
  #read: string;
  /** Seen once: it may still be being written. */
  #settling: string | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(files: RevokedKeyFiles) {
    this.#inForce = files;
    this.#read = files.signature;
  }

  revokesKey(blob: Buffer): boolean {
    return this.#inForce.list.revokesKey(blob);
  }

  revokesCertificate(certificate: RevocableCertificate): boolean {
    return this.#inForce.list.revokesCertificate(certificate);
  }

  /** Others take their place, such as those of a configuration that was read again. */
  use(files: RevokedKeyFiles): void {
    this.#inForce = files;
    this.#read = files.signature;
    this.#settling = null;
  }

  /** Looks at the files from time to time, until `close`. Does not keep the process alive. */
  watch(handler: RevokedKeysHandler): void {
    this.close();
    this.#timer = setInterval(() => {
      this.look(handler);
    }, LOOK_MS).unref();
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** Reads the files again where a change of them has been seen twice as it is now. */
  look(handler: RevokedKeysHandler): void {
    const { files, configFile } = this.#inForce;
    const now = signatureOfAll(files);
    if (now === this.#read) this.#settling = null;
    else if (now !== this.#settling) this.#settling = now;
    else {
      this.#settling = null;
      this.#read = now;
      try {
        this.use(loadRevokedKeys(files, configFile));
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        handler.onProblem(error);
        return;
      }
      handler.onChange(files);
    }
  }
}

function signatureOfAll(files: readonly string[]): string {
  return files.map(signatureOf).join('\n');
}
