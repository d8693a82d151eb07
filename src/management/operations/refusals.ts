import { ApiError } from '../api-error.ts';
import { SettingRefused } from '../server-control.ts';

/** The service's words for its resources, as `ResourceType` of an exception has them. */
export type ResourceType = 'Server' | 'User' | 'SshPublicKey' | 'HostKey' | 'SecurityPolicy' | 'Access' | 'Session';

const UNKNOWN: Readonly<Record<ResourceType, string>> = {
  Server: 'Unknown server',
  User: 'Unknown user',
  SshPublicKey: 'Unknown SSH public key',
  HostKey: 'Unknown host key',
  SecurityPolicy: 'Unknown security policy',
  Access: 'Unknown access',
  Session: 'Unknown session',
};

export function notFound(type: ResourceType, resource: string): ApiError {
  return new ApiError('ResourceNotFoundException', UNKNOWN[type], { Resource: resource, ResourceType: type });
}

export function alreadyExists(type: ResourceType, resource: string, message: string): ApiError {
  return new ApiError('ResourceExistsException', message, { Resource: resource, ResourceType: type });
}

export function invalid(message: string): ApiError {
  return new ApiError('InvalidRequestException', message);
}

/** A member of the request whose value cannot be taken. */
export function invalidMember(member: string, message: string): ApiError {
  return invalid(`${member}: ${message}`);
}

/**
 * Runs `check`; a setting that it refuses becomes an InvalidRequestException that names the member.
 * @param member where the request has another name for it than `check`
 */
export function refusing<Result>(check: () => Result, member?: string): Result {
  try {
    return check();
  } catch (error) {
    if (error instanceof SettingRefused) throw invalidMember(member ?? error.member, error.message);
    throw error;
  }
}

/** The value of a member that the model requires: the listener has refused requests without it. */
export function required(member: string, value: string | undefined): string {
  if (value === undefined) throw invalidMember(member, 'is required');
  return value;
}
