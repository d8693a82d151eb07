import { describe, expect, test } from '@jest/globals';
import { parseConfig } from '../../../src/config/load.ts';
import type { ManagementConfig } from '../../../src/config/schema.ts';
import { assumedRole } from '../../../src/server/managed/assume-role/assumed-role.ts';
import { inlinePolicy } from '../../../src/server/managed/assume-role/inline-policy.ts';
import { roleSessionName } from '../../../src/server/managed/assume-role/role-session-name.ts';

const SERVER = 's-0123456789abcdef0';
const VARIABLES = { UserName: 'anna', HomeBucket: 'inbox', HomeFolder: 'home/anna', HomeDirectory: 'inbox/home/anna' };

function rolesOf(
  role: object,
  storages: object = { inbox: { type: 's3', bucket: 'inbox' } },
): ManagementConfig['roles'] {
  const roles = [{ arn: 'arn:aws:iam::*:role/*', buckets: '*', ...role }];
  return (
    parseConfig(JSON.stringify({ management: { storages, roles } }), 'latticeport.json').config.management?.roles ?? []
  );
}

describe('the name of a role session', () => {
  test('is user and server, within what STS takes', () => {
    expect(roleSessionName('anna', SERVER)).toBe(`anna@${SERVER}`);
    for (const length of [3, 43, 44, 45, 99, 100]) {
      expect(roleSessionName('a'.repeat(length), SERVER)).toMatch(/^[\w+=,.@-]{2,64}$/);
    }
  });

  test('tells long names that begin alike from each other', () => {
    const [one, other] = ['b', 'c'].map((end) => roleSessionName('a'.repeat(60) + end, SERVER));
    expect(one).not.toBe(other);
    expect(one).toContain(`@${SERVER}`);
  });
});

describe('a session policy for STS', () => {
  test('has its variables replaced, as text in JSON, and keeps those of IAM', () => {
    const policy = { Statement: [{ Resource: ['arn:aws:s3:::${transfer:HomeDirectory}/*', '${aws:username}'] }] };
    expect(JSON.parse(inlinePolicy(JSON.stringify(policy, null, 4), VARIABLES))).toEqual({
      Statement: [{ Resource: ['arn:aws:s3:::inbox/home/anna/*', '${aws:username}'] }],
    });
    const quoted = inlinePolicy('{"Sid":"${transfer:HomeFolder}"}', { ...VARIABLES, HomeFolder: 'a","Effect":"Allow' });
    expect(JSON.parse(quoted)).toEqual({ Sid: 'a","Effect":"Allow' });
  });

  test('has no characters that STS does not take', () => {
    const name = 'Łódź/日本/😀/é';
    const policy = inlinePolicy('{"Resource":"${transfer:HomeFolder}"}', { ...VARIABLES, HomeFolder: name });
    expect(policy).toMatch(/^[\x20-\xff]*$/);
    expect(JSON.parse(policy)).toEqual({ Resource: name });
  });

  test.each([
    ['no JSON', '{', /is no JSON/],
    ['no object', '[]', /is no JSON object/],
    ['a variable that is none', '{"a":"${transfer:Nobody}"}', /expected one of \$\{transfer:UserName\}/],
    ['a variable that does not end', '{"a":"${transfer:UserName"}', /is not known/],
    ['what it inherits', '{"a":"${transfer:constructor}"}', /is not known/],
    ['a home that is not there', '{"a":"${transfer:HomeBucket}"}', /only with HomeDirectoryType PATH/],
    ['a name that would be a pattern', '{"a":"${transfer:HomeFolder}"}', /cannot stand in a policy/],
    ['more than STS takes', JSON.stringify({ a: 'x'.repeat(2041) }), /has 2049 characters .* at most 2048/],
    ['too many levels', '{"a":'.repeat(100) + '1' + '}'.repeat(100), /nested too deeply/],
  ])('is refused for %s', (_, text, problem) => {
    expect(() => inlinePolicy(text, { ...VARIABLES, HomeBucket: null, HomeFolder: '${aws:username}' })).toThrow(
      problem,
    );
  });

  test('may be as long as STS takes', () => {
    expect(inlinePolicy(JSON.stringify({ a: 'x'.repeat(2040) }, null, 2), VARIABLES)).toHaveLength(2048);
  });
});

describe('the setting', () => {
  const user = { arn: 'arn:aws:iam::1:role/a', userName: 'anna', serverId: SERVER, policy: null };

  test('is false by default; true is an hour, at the storage', () => {
    expect(rolesOf({}).map(({ assumeRole }) => assumedRole(assumeRole, user))).toEqual([null]);
    expect(rolesOf({ assumeRole: true }).map(({ assumeRole }) => assumedRole(assumeRole, user))).toEqual([
      { arn: user.arn, sessionName: `anna@${SERVER}`, durationSeconds: 3600 },
    ]);
  });

  test('has an endpoint, a region, an external id and a duration', () => {
    const assumeRole = {
      endpoint: 'https://sts.example.com',
      region: 'eu-north-1',
      externalId: 'x',
      durationSeconds: 900,
    };
    expect(() => rolesOf({ assumeRole })).toThrow(/expected 2 to 1224 characters/);
    const [role] = rolesOf({ assumeRole: { ...assumeRole, externalId: 'xy' } });
    expect(assumedRole(role?.assumeRole ?? false, { ...user, policy: '{}' })).toMatchObject({
      ...assumeRole,
      ...{ externalId: 'xy', policy: '{}' },
    });
  });

  test.each([
    ['a directory among its storages', { assumeRole: true }, /needs storages of type "s3", and "data" is none/],
    ['too short a time', { assumeRole: { durationSeconds: 60 }, buckets: ['inbox'] }, /assumeRole/],
    ['another setting', { assumeRole: { policy: 'x' }, buckets: ['inbox'] }, /assumeRole/],
    ['no URL', { assumeRole: { endpoint: 'sts.example.com' }, buckets: ['inbox'] }, /assumeRole/],
  ])('is refused with %s', (_, role, problem) => {
    const storages = { inbox: { type: 's3', bucket: 'inbox' }, data: { type: 'local', root: 'data' } };
    expect(() => rolesOf(role, storages)).toThrow(problem);
  });

  test('may stand beside a directory that is another role’s', () => {
    const storages = { inbox: { type: 's3', bucket: 'inbox' }, data: { type: 'local', root: 'data' } };
    expect(rolesOf({ assumeRole: true, buckets: ['inbox'] }, storages)).toHaveLength(1);
  });
});
