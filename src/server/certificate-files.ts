import { signatureOf } from '../config/file-signature.ts';
import { ConfigError } from '../policy/config-error.ts';
import { CERTIFICATE_LOOK_MS } from '../tls/limits.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { TlsServerOptions } from '../tls/https-listener.ts';
import { listenerTls, type ListenerTls } from './tls-material.ts';

/** Who is told of changed files. */
interface CertificateListener {
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
  /** The state of the files of which a problem was told. */
  #told: string | null = null;
  readonly #timer: NodeJS.Timeout;

  /** `inForce`: of the files, before they were read (`certificateSignature`). Does not keep the process alive. */
  constructor(
    settings: ListenerTls,
    inForce: string,
    { configFile, jsonPath }: { readonly configFile: string; readonly jsonPath: string },
    listener: CertificateListener,
  ) {
    this.#settings = settings;
    this.#configFile = configFile;
    this.#jsonPath = jsonPath;
    this.#listener = listener;
    this.#inForce = inForce;
    this.#timer = setInterval(() => {
      this.look();
    }, CERTIFICATE_LOOK_MS).unref();
  }

  look(): void {
    const now = certificateSignature(this.#settings);
    if (now === this.#inForce) return;
    try {
      this.#listener.onChange(listenerTls(this.#settings, this.#configFile, this.#jsonPath));
      this.#inForce = now;
      this.#told = null;
    } catch (error) {
      // It may be for now only, without a change of the files: each look tries again.
      if (now === this.#told) return;
      this.#told = now;
      this.#listener.onProblem(asConfigError(error, this.#configFile, this.#jsonPath));
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }
}

/** The certificate of a listener over HTTPS: as its files hold it when this is made, and each later one. */
export class ListenerCertificate {
  readonly tls: TlsServerOptions;
  readonly #settings: ListenerTls;
  readonly #place: { readonly configFile: string; readonly jsonPath: string };
  /** Of the files before they were read: a change meanwhile is one. */
  readonly #signature: string;

  /** Throws ConfigError for a certificate that cannot be used. */
  constructor(settings: ListenerTls, place: { readonly configFile: string; readonly jsonPath: string }) {
    this.#settings = settings;
    this.#place = place;
    this.#signature = certificateSignature(settings);
    this.tls = listenerTls(settings, place.configFile, place.jsonPath);
  }

  /** From now on the listener gets each change of the files that works. `room`: what the events in the log begin with. */
  follow(
    listener: { useCertificate(tls: TlsServerOptions): void },
    log: Logger,
    room: 'metrics' | 'management',
  ): CertificateFiles {
    const { certificateFile } = this.#settings;
    return new CertificateFiles(this.#settings, this.#signature, this.#place, {
      onChange: (changed) => {
        listener.useCertificate(changed);
        log.info({ event: `${room}.certificate-reloaded`, file: certificateFile }, 'new connections get it');
      },
      onProblem: ({ file, jsonPath, message }) => {
        log.error({ event: `${room}.certificate-refused`, file, jsonPath }, `${message}; the one before stays`);
      },
    });
  }
}

/** Changes with each change of what the names of the files lead to. */
function certificateSignature({ certificateFile, keyFile, clientCaFile }: ListenerTls): string {
  const files = [certificateFile, keyFile, ...(clientCaFile === undefined ? [] : [clientCaFile])];
  return files.map(signatureOf).join('\n');
}

function asConfigError(error: unknown, configFile: string, jsonPath: string): ConfigError {
  if (error instanceof ConfigError) return error;
  return new ConfigError(configFile, jsonPath, error instanceof Error ? error.message : String(error));
}
