import type { ApiError } from '../api-error.ts';
import type { ServerSettings } from '../../state/records.ts';
import { MAX_SFTP_PORTS } from './limits.ts';
import { invalid, invalidMember } from './refusals.ts';

/**
 * The policy of a server whose creator names none. The service takes TransferSecurityPolicy-2024-01, which has no method that
 * is post-quantum by today's standards.
 */
export const DEFAULT_SECURITY_POLICY = 'TransferPQSecurityPolicy-2026-11';

/**
 * What UpdateServer does with a member that is sent. `replace`: it takes the place of the one before. `clear`: so it does, and
 * an empty string means that the server has none. `merge`: a structure of which only the members that are sent change.
 */
const MEMBERS: Readonly<Record<keyof ServerSettings, 'replace' | 'clear' | 'merge'>> = {
  Certificate: 'clear',
  Domain: 'replace',
  EndpointDetails: 'replace',
  EndpointType: 'replace',
  IdentityProviderDetails: 'replace',
  IdentityProviderType: 'replace',
  IpAddressType: 'replace',
  LoggingRole: 'clear',
  PostAuthenticationLoginBanner: 'clear',
  PreAuthenticationLoginBanner: 'clear',
  ProtocolDetails: 'merge',
  Protocols: 'replace',
  S3StorageOptions: 'merge',
  SecurityPolicyName: 'replace',
  StructuredLogDestinations: 'replace',
  WorkflowDetails: 'merge',
};

export type ServerChanges = { readonly [Member in keyof ServerSettings]?: ServerSettings[Member] | undefined };

/**
 * What a new server is, with what the service fills in. The defaults are stored: a later release with others changes no server
 * that is there.
 */
export function newServerSettings(sent: ServerChanges): ServerSettings {
  return changedServerSettings(
    {
      Domain: 'S3',
      EndpointType: 'PUBLIC',
      IdentityProviderType: 'SERVICE_MANAGED',
      IpAddressType: 'IPV4',
      ProtocolDetails: { SetStatOption: 'DEFAULT' },
      Protocols: ['SFTP'],
      S3StorageOptions: { DirectoryListingOptimization: 'DISABLED' },
      SecurityPolicyName: DEFAULT_SECURITY_POLICY,
      StructuredLogDestinations: [],
    },
    sent,
  );
}

/**
 * The settings that `sent` makes of `current`: what is not sent stays. An empty string clears banners, LoggingRole and
 * Certificate, an empty list workflows and log destinations.
 * @throws ApiError InvalidRequestException for members that exclude each other
 */
export function changedServerSettings(current: ServerSettings, sent: ServerChanges): ServerSettings {
  const settings = new Map<string, unknown>(Object.entries(current));
  const changes = new Map<string, unknown>(Object.entries(sent));
  for (const [member, how] of Object.entries(MEMBERS)) {
    const value = changes.get(member);
    if (value === undefined) continue;
    if (how === 'clear' && value === '') settings.delete(member);
    else settings.set(member, how === 'merge' ? merged(settings.get(member), value) : value);
  }

  // What the details were for is gone.
  if (settings.get('IdentityProviderType') === 'SERVICE_MANAGED' && sent.IdentityProviderDetails === undefined) {
    settings.delete('IdentityProviderDetails');
  }
  if (settings.get('EndpointType') === 'PUBLIC' && sent.EndpointDetails === undefined) {
    settings.delete('EndpointDetails');
  }
  const { WorkflowDetails, ...others } = Object.fromEntries(settings) as ServerSettings;
  const { OnUpload = [], OnPartialUpload = [] } = WorkflowDetails ?? {};
  const changed = OnUpload.length + OnPartialUpload.length === 0 ? others : { ...others, WorkflowDetails };
  checkTogether(changed);
  return changed;
}

function merged(before: unknown, sent: unknown): object {
  return { ...asObject(before), ...asObject(sent) };
}

/** Without the members that are not there: they would hide those before them. */
function asObject(structure: unknown): object {
  if (typeof structure !== 'object' || structure === null) return {};
  return Object.fromEntries(Object.entries(structure).filter(([, value]) => value !== undefined));
}

function checkTogether(settings: ServerSettings): void {
  if (settings.EndpointType === 'PUBLIC' && settings.EndpointDetails !== undefined) {
    throw invalidMember('EndpointDetails', 'belongs to an EndpointType other than PUBLIC');
  }
  if (settings.IdentityProviderType === 'SERVICE_MANAGED' && settings.IdentityProviderDetails !== undefined) {
    throw invalidMember('IdentityProviderDetails', 'belongs to an IdentityProviderType other than SERVICE_MANAGED');
  }
  const ports = settings.ProtocolDetails?.SftpPorts ?? [];
  if (ports.length > MAX_SFTP_PORTS) {
    throw invalidMember('ProtocolDetails.SftpPorts', 'not supported by Latticeport: a server has one port');
  }
}

/** The port that the settings name; null where the installation chooses one. */
export function askedPort(settings: ServerChanges): number | null {
  return settings.ProtocolDetails?.SftpPorts?.[0]?.SftpPort ?? null;
}

/**
 * What cannot change under a running server, as in the service.
 * @throws ApiError InvalidRequestException
 */
export function checkOnlineChange(current: ServerSettings, changed: ServerSettings): void {
  if (current.EndpointType !== changed.EndpointType) throw mustBeOffline('EndpointType');
  if (current.IpAddressType !== changed.IpAddressType) throw mustBeOffline('IpAddressType');
  const [before, after] = [current, changed].map((each) =>
    (each.EndpointDetails?.AddressAllocationIds ?? []).join(' '),
  );
  if (before !== after) throw mustBeOffline('AddressAllocationIds');
}

export function mustBeOffline(member: string): ApiError {
  return invalid(`Server must be OFFLINE to change ${member}`);
}
