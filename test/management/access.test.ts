import { describe, expect, test } from '@jest/globals';
import { checkResource, checkRole, visibleAnswer } from '../../src/management/access.ts';
import { ApiError } from '../../src/management/api-error.ts';
import { MODEL_OPERATIONS } from '../../src/management/model/transfer-model.ts';
import type { AccessKeyRole, Tag } from '../../src/state/records.ts';

const OURS = 's-00000000000000001';
const THEIRS = 's-00000000000000002';
const LIMIT: Tag = { Key: 'team', Value: 'blue' };
const TAGS: Readonly<Record<string, readonly Tag[]>> = {
  [OURS]: [{ Key: 'a', Value: 'b' }, LIMIT],
  [THEIRS]: [{ Key: 'team', Value: 'red' }],
};
const tagsOf = (id: string): readonly Tag[] | undefined => TAGS[id];
const arn = (kind: string, rest: string): string => `arn:aws:transfer:us-east-1:123456789012:${kind}/${rest}`;

function isAllowed(check: () => void): boolean {
  try {
    check();
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.exception === 'AccessDeniedException') return false;
    throw error;
  }
}

function allowedFor(role: AccessKeyRole): string[] {
  return [...MODEL_OPERATIONS.keys()].filter((operation) => isAllowed(() => checkRole({ role }, operation)));
}

function reaches(
  operation: string,
  input: object,
  role: AccessKeyRole = 'admin',
  serverTag: Tag | null = LIMIT,
): boolean {
  return isAllowed(() => checkResource({ role, serverTag }, operation, input, tagsOf));
}

describe('roles, over all operations', () => {
  const all = [...MODEL_OPERATIONS.keys()];

  test('there are 71 of the service, and two of ours', () => {
    expect(all).toHaveLength(73);
    expect(all.slice(71)).toEqual(['ListSessions', 'EndSession']);
  });

  test('an admin may call all of them', () => {
    expect(allowedFor('admin')).toEqual(all);
  });

  test('read-only may call what describes and lists, and nothing else', () => {
    // The model does not say of ListFileTransferResults that it changes nothing.
    const reading = all.filter((name) => /^(Describe|List)/.test(name) && name !== 'ListFileTransferResults');
    expect(allowedFor('read-only')).toEqual(reading);
  });

  test('an operator may also change users and their keys, and end sessions', () => {
    const beside = allowedFor('operator').filter((name) => !/^(Describe|List)/.test(name));
    expect(beside.sort()).toEqual([
      'CreateUser',
      'DeleteSshPublicKey',
      'DeleteUser',
      'EndSession',
      'ImportSshPublicKey',
      'TagResource',
      'TestIdentityProvider',
      'UntagResource',
      'UpdateUser',
    ]);
  });

  test('an operation that is not in the model is not reading', () => {
    expect(isAllowed(() => checkRole({ role: 'read-only' }, 'DescribeEverything'))).toBe(false);
    expect(isAllowed(() => checkRole({ role: 'read-only' }, 'constructor'))).toBe(false);
  });

  test('an operator tags users only', () => {
    for (const operation of ['TagResource', 'UntagResource']) {
      expect(reaches(operation, { Arn: arn('user', `${OURS}/anna`) }, 'operator', null)).toBe(true);
      expect(reaches(operation, { Arn: arn('server', OURS) }, 'operator', null)).toBe(false);
      expect(reaches(operation, { Arn: arn('host-key', `${OURS}/hostkey-1`) }, 'operator', null)).toBe(false);
      expect(reaches(operation, { Arn: arn('server', `${OURS}:user/${OURS}`) }, 'operator', null)).toBe(false);
      expect(reaches(operation, { Arn: arn('server', OURS) }, 'admin', null)).toBe(true);
    }
  });
});

describe('a key limited to servers with a tag', () => {
  test('every operation that names a server, for its own and for no other', () => {
    const naming = [...MODEL_OPERATIONS.keys()].filter((name) => !['CreateServer', 'ListServers'].includes(name));
    for (const operation of naming.filter(
      (name) => !name.endsWith('SecurityPolicy') && name !== 'ListSecurityPolicies',
    )) {
      expect([operation, reaches(operation, { ServerId: OURS })]).toEqual([operation, true]);
      expect([operation, reaches(operation, { ServerId: THEIRS })]).toEqual([operation, false]);
      expect([operation, reaches(operation, { ServerId: 's-00000000000000003' })]).toEqual([operation, false]);
      // These look at the servers themselves.
      const looks = ['ListSessions', 'EndSession'].includes(operation);
      expect([operation, reaches(operation, {})]).toEqual([operation, looks]);
    }
  });

  test('tags, by the ARN of a server, a user, a host key', () => {
    for (const operation of ['TagResource', 'UntagResource', 'ListTagsForResource']) {
      for (const [server, expected] of [
        [OURS, true],
        [THEIRS, false],
      ] as const) {
        expect(reaches(operation, { Arn: arn('server', server) })).toBe(expected);
        expect(reaches(operation, { Arn: arn('user', `${server}/anna`) })).toBe(expected);
        expect(reaches(operation, { Arn: arn('host-key', `${server}/hostkey-0123456789abcdef0`) })).toBe(expected);
      }
      expect(reaches(operation, { Arn: arn('workflow', 'w-0123456789abcdef0') })).toBe(false);
      expect(reaches(operation, { Arn: `${arn('server', OURS)}/x/${THEIRS}` })).toBe(false);
    }
  });

  test('it cannot move its limit', () => {
    const Arn = arn('server', OURS);
    expect(reaches('UntagResource', { Arn, TagKeys: ['team'] })).toBe(false);
    expect(reaches('UntagResource', { Arn, TagKeys: ['a'] })).toBe(true);
    expect(reaches('TagResource', { Arn, Tags: [{ Key: 'team', Value: 'red' }] })).toBe(false);
    expect(reaches('TagResource', { Arn, Tags: [LIMIT] })).toBe(true);
    expect(reaches('TagResource', { Arn: arn('user', `${OURS}/anna`), Tags: [{ Key: 'team', Value: 'red' }] })).toBe(
      true,
    );
  });

  test('it makes servers with the tag only', () => {
    expect(reaches('CreateServer', {})).toBe(false);
    expect(reaches('CreateServer', { Tags: [{ Key: 'team', Value: 'red' }] })).toBe(false);
    expect(reaches('CreateServer', { Tags: [{ Key: 'x', Value: 'y' }, LIMIT] })).toBe(true);
  });

  test('policies are for everybody', () => {
    expect(reaches('ListSecurityPolicies', {})).toBe(true);
    expect(reaches('DescribeSecurityPolicy', { SecurityPolicyName: 'x' })).toBe(true);
  });

  test('it sees its own servers in the list', () => {
    const answer = { NextToken: 'more', Servers: [{ ServerId: THEIRS }, { ServerId: OURS, UserCount: 3 }] };
    const seen = visibleAnswer({ serverTag: LIMIT }, 'ListServers', answer, tagsOf);
    expect(seen).toEqual({ NextToken: 'more', Servers: [{ ServerId: OURS, UserCount: 3 }] });
    expect(visibleAnswer({ serverTag: null }, 'ListServers', answer, tagsOf)).toBe(answer);
  });
});
