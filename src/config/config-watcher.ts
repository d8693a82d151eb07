import { ConfigError } from '../policy/config-error.ts';
import { SettledChange, signatureOf } from './file-signature.ts';
import { loadConfig } from './load.ts';

/** Milliseconds between two looks. Looking works wherever files are: volumes of containers and networks report no change. */
const LOOK_MS = 2000;

/**
 * Looks whether a configuration, or a file that it names (host keys, their certificates, password hashes), has become
 * another. What a symbolic link leads to counts, not the link: Kubernetes changes a mounted ConfigMap or Secret by turning a
 * link to another folder.
 */
export class ConfigWatcher {
  readonly #file: string;
  readonly #onChange: () => void;
  #files: readonly string[] = [];
  /** Of the configuration file when `#files` was read from it. */
  #listed: string;
  #inForce: string;
  readonly #change = new SettledChange();
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
    this.#inForce = this.#signature();
    this.#change.startFrom(this.#inForce);
  }

  /** Reports a change that has been seen twice as it is now. */
  look(): void {
    const now = this.#signature();
    if (!this.#change.isSettled(now, this.#inForce)) return;
    this.#inForce = now;
    this.#onChange();
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
