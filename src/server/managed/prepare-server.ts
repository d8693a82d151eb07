import type { LoadedConfig } from '../../config/load.ts';
import type { ManagementConfig, StorageConfig } from '../../config/schema.ts';
import { KeyFormatError, type PrivateKey } from '../../crypto/keys/key.ts';
import { parsePrivateKey } from '../../crypto/keys/private-key.ts';
import { SettingRefused } from '../../management/server-control.ts';
import { ConfigError } from '../../policy/config-error.ts';
import { loadPoliciesFor } from '../../policy/policies-for.ts';
import type { HostKeyRecord, ServerSettings } from '../../state/records.ts';
import { checkReplacement, policyDirectories, type PreparedConfig } from '../prepared-config.ts';
import { loadRevokedKeys } from '../revoked-keys.ts';
import type { ServerUsers } from '../users.ts';

/** The API's name for: every connection is a balancer's, with a header of version 2. */
const PROXY_ENFORCED = 'PROXY_PROTOCOL_V2_ENFORCED';

/** What belongs to the machine, for all servers of the API. */
export interface ServersMachine {
  readonly loaded: LoadedConfig;
  readonly management: ManagementConfig;
  /** Settings of the first of the storages: what servers ask of a storage in general. */
  readonly storage: StorageConfig;
}

/**
 * A server of the API as a configuration, prepared: limits and the like are the machine's, the rest is the server's.
 * @throws ConfigError for a policy that is not there or that its host keys cannot serve
 */
export function prepareServer(
  { loaded, management, storage }: ServersMachine,
  settings: ServerSettings,
  port: number,
  hostKeys: readonly HostKeyRecord[],
  users: ServerUsers,
): PreparedConfig {
  const machine = loaded.config;
  const { file } = loaded;
  const config = {
    ...machine,
    listen: { host: management.servers.host, port, proxyProtocol: proxyProtocolOf(management, settings) },
    // In the order in which they came: the first of a type is the one that signs, the others are announced.
    hostKeys: hostKeys.map(({ hostKeyId }) => hostKeyId),
    hostCertificates: [],
    securityPolicy: policyName(loaded, settings),
    storage,
    users: [],
    auth: {
      ...machine.auth,
      // As in Transfer Family: users of the service have keys only.
      methods: ['publickey' as const],
      trustedUserCaKeys: [],
      banner: settings.PreAuthenticationLoginBanner ?? '',
    },
  };
  const keys = hostKeys.map(({ privateKey }) => parsePrivateKey(privateKey));
  return {
    loaded: { config, file, warnings: [], describesServer: true },
    ...servable(loaded, config.securityPolicy, keys),
    users,
    hostKeys: keys,
    hostCertificates: [],
    revokedKeys: loadRevokedKeys(config.auth.revokedKeys, file),
  };
}

/** @throws SettingRefused for settings that no server of this installation can have */
export function checkSettings(settings: ServerSettings, { servers }: ManagementConfig): void {
  const { Protocols, IdentityProviderType, EndpointType, ProtocolDetails, WorkflowDetails, Domain } = settings;
  const other = Protocols?.find((protocol) => protocol !== 'SFTP');
  if (other !== undefined) refuse('Protocols', `${other} is not supported by Latticeport: expected SFTP`);
  if (IdentityProviderType !== undefined && IdentityProviderType !== 'SERVICE_MANAGED') {
    refuse('IdentityProviderType', `${IdentityProviderType} is not supported by Latticeport: expected SERVICE_MANAGED`);
  }
  if (EndpointType !== undefined && EndpointType !== 'PUBLIC') {
    refuse('EndpointType', `${EndpointType} is not supported by Latticeport: expected PUBLIC`);
  }
  if (Domain === 'EFS') refuse('Domain', 'EFS is not supported by Latticeport: expected S3, whatever the storage is');
  if ((WorkflowDetails?.OnUpload ?? []).length + (WorkflowDetails?.OnPartialUpload ?? []).length > 0) {
    refuse('WorkflowDetails', 'workflows are not supported by Latticeport');
  }
  if (ProtocolDetails?.ProxyConfig?.SftpMode === PROXY_ENFORCED && servers.proxyNetworks.length === 0) {
    refuse(
      'ProtocolDetails.ProxyConfig.SftpMode',
      `${PROXY_ENFORCED} needs the networks of the balancers: expected some in "management.servers.proxyNetworks" of the configuration`,
    );
  }
  const ports = ProtocolDetails?.SftpPorts ?? [];
  if (ports.length > 1) refuse('ProtocolDetails.SftpPorts', 'a server has one port: expected one entry');
  if (ports.some(({ CommunicationMode }) => CommunicationMode === 'CLIENT_TALK_FIRST')) {
    refuse(
      'ProtocolDetails.SftpPorts',
      'CLIENT_TALK_FIRST is not supported by Latticeport: expected SERVER_TALK_FIRST',
    );
  }
}

/** @throws SettingRefused for a key that is none, or a policy that is not there or that these keys cannot serve */
export function checkServable(loaded: LoadedConfig, settings: ServerSettings, hostKeys: readonly string[]): void {
  const keys = hostKeys.map(parseHostKey);
  try {
    servable(loaded, policyName(loaded, settings), keys);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const [{ jsonPath, problem } = { jsonPath: '$', problem: error.message }] = error.problems;
    throw new SettingRefused(jsonPath === '$.hostKeys' ? 'HostKey' : 'SecurityPolicyName', problem);
  }
}

function proxyProtocolOf(
  { servers }: ManagementConfig,
  { ProtocolDetails }: ServerSettings,
): PreparedConfig['loaded']['config']['listen']['proxyProtocol'] {
  const isEnforced = ProtocolDetails?.ProxyConfig?.SftpMode === PROXY_ENFORCED;
  // Without networks, which an operator may have taken out since, no connection is believed and none is served.
  return { mode: isEnforced ? 'enforce' : 'off', networks: servers.proxyNetworks, versions: [2] };
}

function policyName({ config }: LoadedConfig, { SecurityPolicyName }: ServerSettings): string {
  return SecurityPolicyName ?? config.securityPolicy;
}

/** The policy of a server, where its keys can serve it. @throws ConfigError */
function servable(
  { config, file }: LoadedConfig,
  name: string,
  hostKeys: readonly PrivateKey[],
): Pick<PreparedConfig, 'catalogue' | 'policy' | 'warnings'> {
  const { catalogue, warnings } = loadPoliciesFor(name, policyDirectories(config));
  const policy = catalogue.require(name, file, '$.securityPolicy');
  checkReplacement(policy, config, hostKeys);
  return { catalogue, policy, warnings };
}

/** @throws SettingRefused where it is no private key that can be used */
export function parseHostKey(privateKey: string): PrivateKey {
  try {
    return parsePrivateKey(privateKey);
  } catch (error) {
    if (!(error instanceof KeyFormatError)) throw error;
    throw new SettingRefused('HostKey', `not a usable private key: ${error.message}`);
  }
}

function refuse(member: string, message: string): never {
  throw new SettingRefused(member, message);
}
