import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { apiTls, type ApiTls } from '../config/api-tls.ts';
import type { LoadedConfig } from '../config/load.ts';
import type { MetricsConfig, S3StorageConfig } from '../config/schema.ts';
import { ConfigError } from '../policy/config-error.ts';
import type { StoreTls } from '../storage/s3/api/store-agents.ts';
import { keyExchange, noPostQuantumGroups, postQuantumGroups, type TlsPostQuantum } from '../tls/groups.ts';
import type { TlsServerOptions } from '../tls/https-listener.ts';
import { refuseOpenFile } from './host-keys.ts';

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** Where the settings of the management API stand. */
export const API_TLS = '$.management.listen.tls';

/** The TLS settings of everything that listens over HTTP; each has the same ones. */
export type ListenerTls = NonNullable<MetricsConfig['tls']>;

/** Checks everything of a configuration that has to do with TLS, without a connection. Throws ConfigError. */
export function checkTls({ config: { storage, metrics, management }, file }: LoadedConfig): void {
  if (storage.type === 's3') storeTls(storage, file);
  if (metrics?.tls !== undefined) listenerTls(metrics.tls, file, '$.metrics.tls');
  if (management !== undefined) checkApiTls(apiTls(management), file);
}

/** Of a certificate that is made at the first start: what else the settings say. */
function checkApiTls(tls: ApiTls, configFile: string): void {
  if (tls.type === 'files') listenerTls(tls, configFile, API_TLS);
  if (tls.type === 'own') listenerContext(tls, configFile, API_TLS);
}

/** How the store is connected to, with what the files hold. Throws ConfigError naming the one that cannot be used. */
export function storeTls({ tls }: Pick<S3StorageConfig, 'tls'>, configFile: string): StoreTls {
  const { postQuantum, caFile, certificateFile, keyFile } = tls;
  const at = '$.storage.tls';
  return {
    context: {
      ...exchange(postQuantum, configFile, at),
      ...(caFile === undefined ? {} : { ca: readCertificates(caFile, configFile, `${at}.caFile`) }),
      ...(certificateFile === undefined || keyFile === undefined
        ? {}
        : readPair({ certificateFile, keyFile }, configFile, at)),
    },
    encryptedOnly: postQuantum === 'require',
  };
}

/**
 * The server's end of TLS for a listener whose settings stand at `jsonPath`, with what the files hold now. Throws ConfigError
 * naming the one that cannot be used.
 */
export function listenerTls(settings: ListenerTls, configFile: string, jsonPath: string): TlsServerOptions {
  const context = listenerContext(settings, configFile, jsonPath);
  return {
    context: { ...context, ...readPair(settings, configFile, jsonPath) },
    clientCertificates: settings.clientCaFile !== undefined,
  };
}

/** All but the certificate. */
function listenerContext(
  { postQuantum, clientCaFile }: Pick<ListenerTls, 'postQuantum' | 'clientCaFile'>,
  configFile: string,
  jsonPath: string,
): SecureContextOptions {
  const context = exchange(postQuantum, configFile, jsonPath);
  if (clientCaFile === undefined) return context;
  return { ...context, ca: readCertificates(clientCaFile, configFile, `${jsonPath}.clientCaFile`) };
}

function exchange(setting: TlsPostQuantum, configFile: string, at: string): ReturnType<typeof keyExchange> {
  if (setting === 'require' && postQuantumGroups().length === 0) {
    throw new ConfigError(configFile, `${at}.postQuantum`, noPostQuantumGroups());
  }
  return keyExchange(setting);
}

/** All certificates of a PEM file, at least one. OpenSSL would pass over what it cannot read. */
function readCertificates(file: string, configFile: string, jsonPath: string): string[] {
  const certificates = read(file, configFile, jsonPath).match(PEM_CERTIFICATE) ?? [];
  if (certificates.length === 0) throw new ConfigError(configFile, jsonPath, `${file} holds no certificate (PEM)`);
  for (const [index, certificate] of certificates.entries()) {
    try {
      new X509Certificate(certificate);
    } catch (error) {
      const which = certificates.length === 1 ? 'the certificate' : `certificate ${index + 1}`;
      throw new ConfigError(configFile, jsonPath, `${which} in ${file} is broken: ${(error as Error).message}`);
    }
  }
  return certificates;
}

/** A certificate with those between it and its authority, and its key. */
function readPair(
  { certificateFile, keyFile }: { readonly certificateFile: string; readonly keyFile: string },
  configFile: string,
  at: string,
): Pick<SecureContextOptions, 'cert' | 'key'> {
  const certificates = readCertificates(certificateFile, configFile, `${at}.certificateFile`);
  const keyPath = `${at}.keyFile`;
  const key = read(keyFile, configFile, keyPath);
  refuseOpenFile(keyFile, configFile, keyPath);
  try {
    createPrivateKey(key);
  } catch (error) {
    // Asking for a passphrase is no way for a server.
    const isEncrypted = /ENCRYPTED/.test(key);
    const problem = isEncrypted ? 'is encrypted: expected a key without a passphrase' : (error as Error).message;
    throw new ConfigError(configFile, keyPath, `${keyFile} ${isEncrypted ? problem : `is no private key: ${problem}`}`);
  }
  const pair = { cert: certificates.join('\n'), key };
  try {
    createSecureContext(pair);
  } catch (error) {
    const problem = `${keyFile} is not the key of the certificate in ${certificateFile}`;
    throw new ConfigError(configFile, keyPath, `${problem}: ${(error as Error).message}`);
  }
  return pair;
}

function read(file: string, configFile: string, jsonPath: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(configFile, jsonPath, `cannot be read: ${(error as Error).message}`);
  }
}
