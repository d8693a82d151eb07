import { apiTls } from '../../config/api-tls.ts';
import type { LoadedConfig } from '../../config/load.ts';
import type { ManagementConfig } from '../../config/schema.ts';
import { certificateHosts, ownCertificate, type OwnCertificate } from '../../management/own-certificate.ts';
import { ConfigError } from '../../policy/config-error.ts';
import { ListenerCertificate } from '../../server/certificate-files.ts';
import { API_TLS } from '../../server/tls-material.ts';
import type { Logger } from '../../telemetry/logger.ts';

/** What the management API shows its clients. */
interface ApiCertificate {
  readonly certificate: ListenerCertificate;
  /** For clients to trust and for people to compare; undefined where the operator has brought the certificate. */
  readonly own: OwnCertificate | undefined;
}

/**
 * The certificate of the management API, which is made where none is configured; undefined for plain HTTP.
 * @throws ConfigError
 */
export function apiCertificate(
  { file: configFile }: Pick<LoadedConfig, 'file'>,
  management: ManagementConfig,
  log: Logger,
): ApiCertificate | undefined {
  const tls = apiTls(management);
  const place = { configFile, jsonPath: API_TLS };
  switch (tls.type) {
    case 'none':
      return undefined;
    case 'files':
      return { certificate: new ListenerCertificate(tls, place), own: undefined };
    case 'own': {
      const own = made(tls.directory, certificateHosts(management.listen.host, tls.hosts), configFile);
      tell(own, log);
      return { certificate: new ListenerCertificate({ ...tls, ...own }, place), own };
    }
  }
}

function made(directory: string, hosts: readonly string[], configFile: string): OwnCertificate {
  try {
    return ownCertificate(directory, { hosts });
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new ConfigError(configFile, API_TLS, `no certificate can be made or read in ${directory}: ${problem}`);
  }
}

function tell({ certificateFile, fingerprint, isNew, missingHosts }: OwnCertificate, log: Logger): void {
  if (isNew) {
    log.info(
      { event: 'management.certificate-made', file: certificateFile, fingerprint },
      `clients of the management API need it: AWS_CA_BUNDLE=${certificateFile}`,
    );
  }
  if (missingHosts.length > 0) {
    log.warn(
      { event: 'management.certificate-hosts', file: certificateFile, hosts: missingHosts },
      'the certificate of the management API was made for other hosts: delete it and its key for a new one',
    );
  }
}
