import { readFileSync, statSync } from 'node:fs';
import { SettledChange, signatureOf } from '../config/file-signature.ts';
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
  /** Of each file before it was read: see `signatureOf`. */
  readonly signatures: readonly string[];
  /** What each file says. */
  readonly lists: readonly RevocationList[];
}

/**
 * Reads the revocation lists that a configuration names. Throws ConfigError for the first that cannot be used: to go on without it
 * would let in whoever stands in it.
 */
export function loadRevokedKeys(files: readonly string[], configFile: string): RevokedKeyFiles {
  const signatures = files.map(signatureOf);
  const lists = files.map((file, index) => readList(file, configFile, index));
  return { files, configFile, signatures, lists };
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
  /** These files have changed, and what they say now is in force. */
  onChange(files: readonly string[]): void;
  /** A file has changed and cannot be used: what it said before stays in force. Each change is told once. */
  onProblem(problem: ConfigError): void;
}

/** The revocation lists in force, which follow their files: whoever holds this asks the newest. */
export class RevokedKeys implements RevocationList {
  #inForce: RevokedKeyFiles;
  #list: RevocationList;
  /** Of each file when it was last read, usable or not. */
  #read: readonly string[];
  readonly #change = new SettledChange();
  #timer: NodeJS.Timeout | null = null;

  constructor(files: RevokedKeyFiles) {
    this.#inForce = files;
    this.#list = revokedByAny(files.lists);
    this.#read = files.signatures;
  }

  revokesKey(blob: Buffer): boolean {
    return this.#list.revokesKey(blob);
  }

  revokesCertificate(certificate: RevocableCertificate): boolean {
    return this.#list.revokesCertificate(certificate);
  }

  /** Others take their place, such as those of a configuration that was read again. */
  use(files: RevokedKeyFiles): void {
    this.#put(files, files.signatures);
    // They may have changed since they were read: then the next look reads them.
    this.#change.startFrom(joined(files.files.map(signatureOf)));
  }

  #put(files: RevokedKeyFiles, read: readonly string[]): void {
    this.#inForce = files;
    this.#list = revokedByAny(files.lists);
    this.#read = read;
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

  /** Reads those files again of which a change has been seen twice as it is now. */
  look(handler: RevokedKeysHandler): void {
    const { files } = this.#inForce;
    const now = files.map(signatureOf);
    if (this.#change.isSettled(joined(now), joined(this.#read))) this.#readAgain(now, handler);
  }

  #readAgain(now: readonly string[], handler: RevokedKeysHandler): void {
    const { files, configFile, lists } = this.#inForce;
    const changed: string[] = [];
    const next = lists.map((list, index) => {
      const file = files[index];
      if (file === undefined || now[index] === this.#read[index]) return list;
      try {
        const newest = readList(file, configFile, index);
        changed.push(file);
        return newest;
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        // One broken file keeps nothing of the others back.
        handler.onProblem(error);
        return list;
      }
    });
    this.#put({ files, configFile, signatures: now, lists: next }, now);
    if (changed.length > 0) handler.onChange(changed);
  }
}

function joined(signatures: readonly string[]): string {
  return signatures.join('\n');
}
