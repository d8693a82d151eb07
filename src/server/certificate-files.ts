import { statSync } from 'node:fs';
import { ConfigError } from '../policy/config-error.ts';
import { CERTIFICATE_LOOK_MS } from '../tls/limits.ts';
import type { TlsServerOptions } from '../tls/https-listener.ts';
import { listenerTls, type ListenerTls } from './tls-material.ts';

/** Who is told of changed files. */
export interface CertificateListener {
  /** They hold something that works: for connections from now on. */
  onChange(tls: TlsServerOptions): void;
  /** They do not go together, or cannot be read: what was in force stays. Told once for each state of the files. */
  onProblem(error: ConfigError): void;
}

/**
 * Looks whether the files of a listener's certificate have become others: certificates of public authorities last for weeks
 * only, and their renewal must need no restart. A certificate is often there before its key is: such a pair is not taken.
 */
export class CertificateFiles {
  readonly #settings: ListenerTls;
  readonly #configFile: string;
  readonly #jsonPath: string;
  readonly #listener: CertificateListener;
  #inForce: string;
  readonly #timer: NodeJS.Timeout;

  /** What is there now counts as in force. Does not keep the process alive. */
  constructor(settings: ListenerTls, configFile: string, jsonPath: string, listener: CertificateListener) {
    this.#settings = settings;
    this.#configFile = configFile;
    this.#jsonPath = jsonPath;
    this.#listener = listener;
    this.#inForce = this.#signature();
    this.#timer = setInterval(() => {
      this.look();
    }, CERTIFICATE_LOOK_MS).unref();
  }

  look(): void {
    const now = this.#signature();
    if (now === this.#inForce) return;
    this.#inForce = now;
    let tls: TlsServerOptions;
    try {
      tls = listenerTls(this.#settings, this.#configFile, this.#jsonPath);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      this.#listener.onProblem(error);
      return;
    }
    this.#listener.onChange(tls);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Changes with each change of what the names lead to. */
  #signature(): string {
    const { certificateFile, keyFile, clientCaFile } = this.#settings;
    return [certificateFile, keyFile, clientCaFile ?? ''].map(signatureOf).join('\n');
  }
}

function signatureOf(file: string): string {
  if (file === '') return '';
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(file, { bigint: true });
    return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}
