import { statSync } from 'node:fs';
import { ConfigError } from '../policy/config-error.ts';
import { loadConfig } from './load.ts';

/** Milliseconds between two looks. Looking works wherever files are: volumes of containers and networks report no change. */
const LOOK_MS = 2000;

/**
 * Looks whether a configuration, or a file that it names (host keys, their certificates, password hashes), has become another. What a symbolic
 * link leads to counts, not the link: Kubernetes changes a mounted ConfigMap or Secret by turning a link to another folder.
 */
export class ConfigWatcher {
  readonly #file: string;
  readonly #onChange: () => void;
  #files: readonly string[] = [];
  /** Of the configuration file when `#files` was read from it. */
  #listed: string;
  #inForce: string;
  /** Seen once: it may still be being written. */
  #settling: string | null = null;
  #timer: NodeJS.Timeout | null = null;

  /** What is there now counts as in force. Starts nothing. */
  constructor(file: string, onChange: () => void) {
    this.#file = file;
    this.#onChange = onChange;
    this.#listed = signatureOf(file);
    this.#files = this.#filesNow();
    this.#inForce = this.#signature();
  }

  /** Looks from time to time, or no more. Does not keep the process alive. */
  set enabled(enabled: boolean) {
    if (enabled === (this.#timer !== null)) return;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = enabled
      ? setInterval(() => {
          this.look();
        }, LOOK_MS).unref()
      : null;
  }

  /** The configuration is about to be read, whoever wanted that: what is there now is in force. */
  taken(): void {
    this.#settling = null;
    this.#inForce = this.#signature();
  }

  /** Reports a change that has been seen twice as it is now. */
  look(): void {
    const now = this.#signature();
    if (now === this.#inForce) this.#settling = null;
    else if (now !== this.#settling) this.#settling = now;
    else {
      this.#settling = null;
      this.#inForce = now;
      this.#onChange();
    }
  }

  #signature(): string {
    const listed = signatureOf(this.#file);
    if (listed !== this.#listed) {
      this.#listed = listed;
      this.#files = this.#filesNow();
    }
    return [listed, ...this.#files.map(signatureOf)].join('\n');
  }

  /** Of a configuration that is broken: those of the one before. */
  #filesNow(): readonly string[] {
    try {
      const { hostKeys, hostCertificates, hostKeyPassphraseFile, users } = loadConfig(this.#file).config;
      return [
        ...hostKeys,
        ...hostCertificates,
        ...(hostKeyPassphraseFile === undefined ? [] : [hostKeyPassphraseFile]),
        ...users.flatMap(({ passwordHashFile }) => passwordHashFile ?? []),
      ];
    } catch (error) {
      if (error instanceof ConfigError) return this.#files;
      throw error;
    }
  }
}

/** Device, inode, size and both times in nanoseconds of what the name leads to: no change leaves them all alone. */
export function signatureOf(file: string): string {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(file, { bigint: true });
    return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}
