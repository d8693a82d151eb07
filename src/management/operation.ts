import type * as transfer from '@aws-sdk/client-transfer';
import type { EndSessionRequest, ListSessionsRequest, ListSessionsResponse } from './session-types.ts';
import type { AccessKeyRecord, Author } from '../state/records.ts';

/** Who calls, as the listener has found by the signature. */
export interface Caller {
  readonly accessKey: AccessKeyRecord;
  readonly author: Author;
}

/** The operations that work in full, with their types in the SDK's words; those of ours, which it has not, are the last. Inputs have passed the model's validation. */
export interface OperationTypes {
  CreateServer: [transfer.CreateServerRequest, transfer.CreateServerResponse];
  DescribeServer: [transfer.DescribeServerRequest, transfer.DescribeServerResponse];
  ListServers: [transfer.ListServersRequest, transfer.ListServersResponse];
  UpdateServer: [transfer.UpdateServerRequest, transfer.UpdateServerResponse];
  DeleteServer: [transfer.DeleteServerRequest, null];
  StartServer: [transfer.StartServerRequest, null];
  StopServer: [transfer.StopServerRequest, null];
  CreateUser: [transfer.CreateUserRequest, transfer.CreateUserResponse];
  DescribeUser: [transfer.DescribeUserRequest, transfer.DescribeUserResponse];
  ListUsers: [transfer.ListUsersRequest, transfer.ListUsersResponse];
  UpdateUser: [transfer.UpdateUserRequest, transfer.UpdateUserResponse];
  DeleteUser: [transfer.DeleteUserRequest, null];
  ImportSshPublicKey: [transfer.ImportSshPublicKeyRequest, transfer.ImportSshPublicKeyResponse];
  DeleteSshPublicKey: [transfer.DeleteSshPublicKeyRequest, null];
  ImportHostKey: [transfer.ImportHostKeyRequest, transfer.ImportHostKeyResponse];
  DescribeHostKey: [transfer.DescribeHostKeyRequest, transfer.DescribeHostKeyResponse];
  ListHostKeys: [transfer.ListHostKeysRequest, transfer.ListHostKeysResponse];
  UpdateHostKey: [transfer.UpdateHostKeyRequest, transfer.UpdateHostKeyResponse];
  DeleteHostKey: [transfer.DeleteHostKeyRequest, null];
  DescribeSecurityPolicy: [transfer.DescribeSecurityPolicyRequest, transfer.DescribeSecurityPolicyResponse];
  ListSecurityPolicies: [transfer.ListSecurityPoliciesRequest, transfer.ListSecurityPoliciesResponse];
  TestIdentityProvider: [transfer.TestIdentityProviderRequest, transfer.TestIdentityProviderResponse];
  TagResource: [transfer.TagResourceRequest, null];
  UntagResource: [transfer.UntagResourceRequest, null];
  ListTagsForResource: [transfer.ListTagsForResourceRequest, transfer.ListTagsForResourceResponse];
  CreateAccess: [transfer.CreateAccessRequest, transfer.CreateAccessResponse];
  DescribeAccess: [transfer.DescribeAccessRequest, transfer.DescribeAccessResponse];
  ListAccesses: [transfer.ListAccessesRequest, transfer.ListAccessesResponse];
  UpdateAccess: [transfer.UpdateAccessRequest, transfer.UpdateAccessResponse];
  DeleteAccess: [transfer.DeleteAccessRequest, null];
  ListSessions: [ListSessionsRequest, ListSessionsResponse];
  EndSession: [EndSessionRequest, null];
}

export type OperationName = keyof OperationTypes;

/**
 * Answers one call; null is an empty body. Dates of the answer are `Date`s, which the listener writes as epoch seconds.
 * Rejects with ApiError, or with StateUnavailable; everything else is a fault of ours.
 */
export type Operation<Name extends OperationName> = (
  input: OperationTypes[Name][0],
  caller: Caller,
) => Promise<OperationTypes[Name][1]>;

export type Operations = { readonly [Name in OperationName]: Operation<Name> };
