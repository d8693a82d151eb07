import { isDeepStrictEqual } from 'node:util';
import type { DescribedUser } from '@aws-sdk/client-transfer';
import type { ServerSettings, Tag } from '../../../state/records.ts';
import { keyInWords, sameKey } from '../key-line.ts';
import type { ServerWithPorts } from '../server-commands.ts';
import { USER_SETTINGS, type UserCounterpart } from './user-counterpart.ts';

/** What of a server that is there already is not as the files have it, a line each. */
export function serverDifferences(settings: ServerSettings, tags: readonly Tag[], here: ServerWithPorts): string[] {
  const wanted = settings.ProtocolDetails;
  const is = here.ProtocolDetails;
  return [
    ...difference('SecurityPolicyName', settings.SecurityPolicyName, here.SecurityPolicyName),
    ...difference(
      'PreAuthenticationLoginBanner',
      settings.PreAuthenticationLoginBanner,
      here.PreAuthenticationLoginBanner,
    ),
    ...difference('ProtocolDetails.SetStatOption', wanted?.SetStatOption, is?.SetStatOption),
    ...difference('ProtocolDetails.SftpPorts', portsOf(wanted), portsOf(is)),
    ...difference('S3StorageOptions', settings.S3StorageOptions, here.S3StorageOptions),
    ...tagDifferences(tags, here.Tags ?? []),
  ];
}

/** The same of a user. What only the one here has is no difference but for its keys: they let somebody in. */
export function userDifferences(wanted: UserCounterpart, here: DescribedUser): string[] {
  const keysHere = (here.SshPublicKeys ?? []).map(({ SshPublicKeyBody = '' }) => SshPublicKeyBody);
  const missing = wanted.keys.filter((key) => !keysHere.some((each) => sameKey(each) === sameKey(key)));
  const more = keysHere.filter((key) => !wanted.keys.some((each) => sameKey(each) === sameKey(key)));
  return [
    ...USER_SETTINGS.flatMap((member) => difference(member, wanted.settings[member], here[member])),
    ...missing.map((key) => `the key ${keyInWords(key).fingerprint} is missing here`),
    ...more.map((key) => `the key ${keyInWords(key).fingerprint} is here only`),
    ...tagDifferences(wanted.tags, here.Tags ?? []),
  ];
}

function portsOf(details: ServerSettings['ProtocolDetails']): readonly number[] | undefined {
  return details?.SftpPorts?.map(({ SftpPort }) => SftpPort);
}

function tagDifferences(wanted: readonly Tag[], here: NonNullable<DescribedUser['Tags']>): string[] {
  return wanted.flatMap(({ Key, Value }) =>
    difference(`the tag ${Key}`, Value, here.find((tag) => tag.Key === Key)?.Value),
  );
}

function difference(member: string, wanted: unknown, here: unknown): string[] {
  if (wanted === undefined || isDeepStrictEqual(plain(wanted), plain(here))) return [];
  return [`${member} is ${inWords(here)} here, ${inWords(wanted)} there`];
}

/** As JSON has it: no members that are undefined. A policy is compared by what it says, not by its spaces. */
function plain(value: unknown): unknown {
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || !value.trimStart().startsWith('{'))
    return JSON.parse(JSON.stringify(value)) as unknown;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return value;
  }
}

function inWords(value: unknown): string {
  if (value === undefined) return 'not set';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
