import type { CreateServerRequest } from '@aws-sdk/client-transfer';
import type { ServerSettings, Tag } from '../../../state/records.ts';
import { given } from '../input-members.ts';
import { isObject, type Described } from './transfer-documents.ts';

/** A member that is not taken over, and what to do instead. */
export interface NoCounterpart {
  readonly member: string;
  readonly value: unknown;
  readonly why: string;
}

/** The tag of a server here that names the one that it stands for. */
export const STANDS_FOR = 'transfer-family-server';

const NETWORK = 'the port is open at the addresses of the installation; what may reach it a firewall says';
const LOGS = 'the log is that of the installation';
const ONE_PORT = 'a server has one port, and speaks first';
const PROVIDER = 'only users that the server keeps itself are imported';
const NOT_SERVED = 'only SFTP is served';

/** Why a member is not taken over; a member that is not named here, nor taken, is one that this version does not know. */
const NOT_TAKEN: Readonly<Record<string, string>> = {
  EndpointType: NETWORK,
  'EndpointDetails.AddressAllocationIds': NETWORK,
  'EndpointDetails.SubnetIds': NETWORK,
  'EndpointDetails.VpcEndpointId': NETWORK,
  'EndpointDetails.VpcId': NETWORK,
  'EndpointDetails.SecurityGroupIds': NETWORK,
  IpAddressType: NETWORK,
  Domain: 'the role of a user says in which storage its files are',
  Certificate: `${NOT_SERVED}: there is no TLS on its port`,
  Protocols: NOT_SERVED,
  'ProtocolDetails.PassiveIp': NOT_SERVED,
  'ProtocolDetails.TlsSessionResumptionMode': NOT_SERVED,
  'ProtocolDetails.As2Transports': NOT_SERVED,
  'ProtocolDetails.SftpPorts': ONE_PORT,
  'ProtocolDetails.ProxyConfig':
    'set it when "management.servers.proxyNetworks" of the configuration names your balancers',
  As2ServiceManagedEgressIpAddresses: NOT_SERVED,
  IdentityProviderType: PROVIDER,
  'IdentityProviderDetails.Url': PROVIDER,
  'IdentityProviderDetails.InvocationRole': PROVIDER,
  'IdentityProviderDetails.DirectoryId': PROVIDER,
  'IdentityProviderDetails.Function': PROVIDER,
  'IdentityProviderDetails.SftpAuthenticationMethods': PROVIDER,
  LoggingRole: LOGS,
  StructuredLogDestinations: LOGS,
  'WorkflowDetails.OnUpload': 'there are no workflows',
  'WorkflowDetails.OnPartialUpload': 'there are no workflows',
  PostAuthenticationLoginBanner: 'SFTP has no place for it',
};

/** Values with which nothing is lost. */
const USUAL: Readonly<Record<string, readonly string[]>> = {
  EndpointType: ['PUBLIC'],
  IpAddressType: ['IPV4'],
  Domain: ['S3'],
  IdentityProviderType: ['SERVICE_MANAGED'],
  'IdentityProviderDetails.SftpAuthenticationMethods': ['PUBLIC_KEY', 'PUBLIC_KEY_OR_PASSWORD'],
};

/** What is looked at elsewhere, or says what a server is and not how it is set. */
const ELSEWHERE: ReadonlySet<string> = new Set(['Arn', 'ServerId', 'State', 'UserCount', 'HostKeyFingerprint', 'Tags']);
const TAKEN: ReadonlySet<string> = new Set([
  'SecurityPolicyName',
  'PreAuthenticationLoginBanner',
  'S3StorageOptions.DirectoryListingOptimization',
  'ProtocolDetails.SetStatOption',
]);

/** The CreateServer that makes the same here, and what of the server has no counterpart. */
export function serverCounterpart(
  serverId: string,
  server: Described,
): {
  readonly settings: ServerSettings;
  readonly tags: readonly Tag[];
  readonly noCounterpart: readonly NoCounterpart[];
} {
  const { tags, noCounterpart } = tagsOf(server);
  const details = isObject(server['ProtocolDetails']) ? server['ProtocolDetails'] : {};
  const protocolDetails = given({
    SetStatOption: details['SetStatOption'],
    SftpPorts: firstPort(details['SftpPorts']),
  });
  const settings = given({
    Protocols: ['SFTP'],
    EndpointType: 'PUBLIC',
    IdentityProviderType: 'SERVICE_MANAGED',
    SecurityPolicyName: server['SecurityPolicyName'],
    PreAuthenticationLoginBanner: nonEmpty(server['PreAuthenticationLoginBanner']),
    S3StorageOptions: server['S3StorageOptions'],
    ProtocolDetails: Object.keys(protocolDetails).length > 0 ? protocolDetails : undefined,
    // The API checks the values: they come from a file.
  }) as ServerSettings;
  return {
    settings,
    tags: [...tags, { Key: STANDS_FOR, Value: serverId }],
    noCounterpart: [...leafMembers(server).flatMap(({ member, value }) => lost(member, value)), ...noCounterpart],
  };
}

/** Whether it serves SFTP at all. */
export function servesSftp(server: Described): boolean {
  const protocols = server['Protocols'];
  return !Array.isArray(protocols) || protocols.length === 0 || protocols.includes('SFTP');
}

/** Its tags; those that begin with `aws:` are AWS's own, and nobody else can set them. */
export function tagsOf(described: Described): {
  readonly tags: readonly Tag[];
  readonly noCounterpart: readonly NoCounterpart[];
} {
  const all = (Array.isArray(described['Tags']) ? described['Tags'] : []).filter(isTag);
  const reserved = all.filter(({ Key }) => Key.startsWith('aws:'));
  return {
    tags: all.filter(({ Key }) => !Key.startsWith('aws:')),
    noCounterpart: reserved.map(({ Key, Value }) => ({
      member: `Tags ${Key}`,
      value: Value,
      why: /hostname|route53/i.test(Key)
        ? 'DNS is yours: point the name here when all is ready'
        : 'a tag of AWS itself',
    })),
  };
}

function lost(member: string, value: unknown): NoCounterpart[] {
  if (ELSEWHERE.has(member) || TAKEN.has(member) || isEmpty(value)) return [];
  if (USUAL[member]?.some((usual) => usual === value) === true) return [];
  if (member === 'Protocols' && Array.isArray(value)) {
    const others: unknown[] = value.filter((protocol) => protocol !== 'SFTP');
    return others.length === 0 ? [] : [{ member, value: others, why: NOT_SERVED }];
  }
  if (member === 'ProtocolDetails.SftpPorts' && Array.isArray(value)) {
    const [first, ...others] = value as readonly unknown[];
    const lostPorts =
      isObject(first) && first['CommunicationMode'] === 'CLIENT_TALK_FIRST' ? (value as readonly unknown[]) : others;
    return lostPorts.length === 0 ? [] : [{ member, value: lostPorts, why: ONE_PORT }];
  }
  if (member === 'ProtocolDetails.ProxyConfig' && isObject(value) && value['SftpMode'] === 'NONE') return [];
  return [{ member, value, why: NOT_TAKEN[member] ?? 'this version does not know it' }];
}

/** The members of a server; those of structures by their path. */
function leafMembers(server: Described): { member: string; value: unknown }[] {
  return Object.entries(server).flatMap(([name, value]) =>
    isObject(value)
      ? Object.entries(value).map(([inner, each]) => ({ member: `${name}.${inner}`, value: each }))
      : [{ member: name, value }],
  );
}

/** Of the ports that it has there, the first. */
function firstPort(ports: unknown): unknown {
  const first: unknown = Array.isArray(ports) ? ports[0] : undefined;
  return isObject(first) ? [{ SftpPort: first['SftpPort'] }] : undefined;
}

function isEmpty(value: unknown): boolean {
  return value === null || value === '' || (typeof value === 'object' && Object.keys(value).length === 0);
}

function nonEmpty(value: unknown): unknown {
  return isEmpty(value) ? undefined : value;
}

function isTag(value: unknown): value is NonNullable<CreateServerRequest['Tags']>[number] & Tag {
  return isObject(value) && typeof value['Key'] === 'string' && typeof value['Value'] === 'string';
}
