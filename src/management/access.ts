import type { ListServersResponse } from '@aws-sdk/client-transfer';
import type { AccessKeyRecord, Tag } from '../state/records.ts';
import { ApiError } from './api-error.ts';
import { MODEL_OPERATIONS } from './model/transfer-model.ts';

/** The tags of a server, or undefined where there is none of that id. */
export type ServerTags = (serverId: string) => readonly Tag[] | undefined;

/** What of an input says which server it is about. It has passed the model's validation. */
interface ResourceInput {
  readonly ServerId?: unknown;
  readonly Arn?: unknown;
  readonly Tags?: unknown;
  readonly TagKeys?: unknown;
}

/** What an operator may do beside reading: users, their keys and sessions. */
const OPERATOR: ReadonlySet<string> = new Set([
  'CreateUser',
  'UpdateUser',
  'DeleteUser',
  'ImportSshPublicKey',
  'DeleteSshPublicKey',
  'TestIdentityProvider',
  'EndSession',
]);

/** Tags of a user are its settings; those of a server and of a host key are the administrator's. */
const OPERATOR_ON_USERS: ReadonlySet<string> = new Set(['TagResource', 'UntagResource']);

/** About no server, and the same for everybody. */
const ABOUT_POLICIES: ReadonlySet<string> = new Set(['DescribeSecurityPolicy', 'ListSecurityPolicies']);

/** Without a server in the input they answer what the caller may see, and nothing else: they look at each server themselves. */
const LOOK_THEMSELVES: ReadonlySet<string> = new Set(['ListServers', 'ListSessions', 'EndSession']);

/** `arn:…:server/ID`, `arn:…:user/ID/NAME`, `arn:…:host-key/ID/KEY`. */
const RESOURCE = /^arn:[^:]*:transfer:[^:]*:[^:]*:(server|user|host-key|agreement)\/(s-[0-9a-f]{17})(?:\/[^/:]*)?$/;

/**
 * Whether the key's role allows the operation at all: what comes before anything of the input is looked at.
 *
 * @throws ApiError AccessDeniedException
 */
export function checkRole({ role }: Pick<AccessKeyRecord, 'role'>, operation: string): void {
  const reads = MODEL_OPERATIONS.get(operation)?.readonly === true;
  if (role === 'admin' || reads) return;
  if (role === 'operator' && (OPERATOR.has(operation) || OPERATOR_ON_USERS.has(operation))) return;
  denied(`an access key with the role ${role} may not call ${operation}`);
}

/**
 * Whether the key may call the operation for what the input names: its role, and the tag that it is limited to. A server that
 * does not exist answers like one without the tag.
 *
 * @throws ApiError AccessDeniedException
 */
export function checkResource(
  key: Pick<AccessKeyRecord, 'role' | 'serverTag'>,
  operation: string,
  input: object,
  serverTags: ServerTags,
): void {
  const named: ResourceInput = input;
  const [, kind, serverOfArn] = RESOURCE.exec(typeof named.Arn === 'string' ? named.Arn : '') ?? [];
  if (key.role === 'operator' && OPERATOR_ON_USERS.has(operation) && kind !== 'user') {
    denied(`an access key with the role operator may call ${operation} for users only`);
  }
  const { serverTag } = key;
  if (serverTag === null || ABOUT_POLICIES.has(operation)) return;
  if (LOOK_THEMSELVES.has(operation) && named.ServerId === undefined) return;
  const limit = `this access key is limited to servers with the tag ${serverTag.Key}=${serverTag.Value}`;
  if (operation === 'CreateServer') {
    if (!has(tagsIn(named.Tags), serverTag)) denied(limit);
    return;
  }
  const serverId = named.ServerId ?? serverOfArn;
  if (typeof serverId !== 'string' || !has(serverTags(serverId) ?? [], serverTag)) denied(limit);
  // It must not move its own limit.
  if (kind === 'server' && (keysIn(named.TagKeys).includes(serverTag.Key) || names(named.Tags, serverTag)))
    denied(limit);
}

/** The answer without the servers that a limited key must not see. A page may be empty and have a NextToken. */
export function visibleAnswer(
  { serverTag }: Pick<AccessKeyRecord, 'serverTag'>,
  operation: string,
  answer: unknown,
  serverTags: ServerTags,
): unknown {
  if (serverTag === null || operation !== 'ListServers') return answer;
  const page = answer as ListServersResponse;
  const servers = page.Servers ?? [];
  return { ...page, Servers: servers.filter(({ ServerId = '' }) => has(serverTags(ServerId) ?? [], serverTag)) };
}

/** A change of the tag by TagResource: the same value again is none. */
function names(given: unknown, tag: Tag): boolean {
  return tagsIn(given).some(({ Key, Value }) => Key === tag.Key && Value !== tag.Value);
}

function has(tags: readonly Tag[], { Key, Value }: Tag): boolean {
  return tags.some((tag) => tag.Key === Key && tag.Value === Value);
}

function tagsIn(given: unknown): readonly Tag[] {
  return Array.isArray(given) ? (given as readonly Tag[]) : [];
}

function keysIn(given: unknown): readonly unknown[] {
  return Array.isArray(given) ? given : [];
}

function denied(message: string): never {
  throw new ApiError('AccessDeniedException', message);
}
