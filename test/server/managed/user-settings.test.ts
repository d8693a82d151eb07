import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { SettingRefused } from '../../../src/management/server-control.ts';
import { globPattern } from '../../../src/server/managed/session-policy/glob.ts';
import { parseSessionPolicy } from '../../../src/server/managed/session-policy/parse-policy.ts';
import { PolicyRules } from '../../../src/server/managed/session-policy/policy-rules.ts';
import { accessTags, userTagSettings } from '../../../src/server/managed/user-tags.ts';
import { storePath } from '../../storage/store-path.ts';

const variables = { UserName: 'anna', HomeBucket: 'inbox', HomeFolder: 'home/anna', HomeDirectory: 'inbox/home/anna' };
const rulesOf = (statements: object[], sourceIp = '192.0.2.7'): PolicyRules =>
  new PolicyRules(parseSessionPolicy(JSON.stringify({ Statement: statements }), variables), 'inbox', sourceIp);
const allow = (Action: string, Resource = '*', Condition = {}): object => ({
  Effect: 'Allow',
  Action,
  Resource,
  Condition,
});

test('patterns of IAM', () => {
  expect(['', 'a', 'ab', 'xaxb'].map((text) => globPattern('*a*').matches(text))).toEqual([false, true, true, true]);
  expect(globPattern('a?c').matches('abc')).toBe(true);
  expect(globPattern('a.c').matches('abc')).toBe(false);
  expect(globPattern(`${'*a'.repeat(40)}b`).matches('a'.repeat(2000))).toBe(false);
  expect(globPattern('in/*/secret').fitsSomeAfter('in/x/')).toBe(true);
  expect(globPattern('out/*').fitsSomeAfter('in/')).toBe(false);
  expect(['in/*', 'in/*.txt', '*'].map((each) => globPattern(each).fitsAllAfter('in/a/'))).toEqual([true, false, true]);
});

describe('a session policy', () => {
  test('asks where a client is', () => {
    const only = [allow('s3:GetObject', '*', { IpAddress: { 'aws:SourceIp': ['192.0.2.0/24', '2001:db8::/32'] } })];
    const from = (address: string): boolean => rulesOf(only, address).allows('read', storePath('a'));
    expect(['192.0.2.7', '192.0.3.7', '2001:db8::1', 'unknown'].map(from)).toEqual([true, false, true, false]);
  });

  test('allows listings by their prefix, and asking what is there by the listing or the file', () => {
    const rules = rulesOf([
      allow('s3:ListBucket', 'arn:aws:s3:::inbox', { StringLike: { 's3:prefix': '${transfer:HomeFolder}/*' } }),
    ]);
    expect(rules.allows('list', storePath('home/anna'))).toBe(true);
    expect(rules.allows('list', storePath('home'))).toBe(false);
    expect(rules.maySee(storePath('home/anna/a.txt'))).toBe(true);
    expect(rules.maySee(storePath('home/bob'))).toBe(false);
    expect(rules.allows('read', storePath('home/anna/a.txt'))).toBe(false);
  });

  test('has NotAction, and actions in any case', () => {
    const rules = rulesOf([
      { Effect: 'Allow', NotAction: 's3:deleteobject', Resource: '*' },
      { Effect: 'Deny', Action: 'S3:PUTOBJECT', Resource: 'arn:aws:s3:::inbox/*/' },
    ]);
    const allowed = (['read', 'write', 'delete', 'mkdir'] as const).map((each) => rules.allows(each, storePath('a')));
    expect(allowed).toEqual([true, true, false, false]);
  });

  test.each([
    ['no JSON', '{'],
    ['another element', '{"Statement":[{"Effect":"Allow","Action":"*","NotResource":"*"}]}'],
    ['another condition', JSON.stringify({ Statement: allow('*', '*', { DateLessThan: { 'aws:x': 'y' } }) })],
    ['another key', JSON.stringify({ Statement: allow('*', '*', { StringLike: { 'aws:username': 'y' } }) })],
    ['another variable', JSON.stringify({ Statement: allow('*', 'arn:aws:s3:::${aws:username}') })],
    [
      'a network that is none',
      JSON.stringify({ Statement: allow('*', '*', { IpAddress: { 'aws:SourceIp': '1.2.3' } }) }),
    ],
  ])('is refused for %s', (_, text) => {
    expect(() => parseSessionPolicy(text, variables)).toThrow(SettingRefused);
  });

  test('has no home of a user with LOGICAL', () => {
    const text = JSON.stringify({ Statement: allow('*', 'arn:aws:s3:::${transfer:HomeBucket}/*') });
    expect(() => parseSessionPolicy(text, { ...variables, HomeBucket: null })).toThrow(
      /only with HomeDirectoryType PATH/,
    );
  });
});

describe('tags of a user', () => {
  const settingsOf = (Key: string, Value: string): ReturnType<typeof userTagSettings> =>
    userTagSettings([{ Key, Value }]);

  test('set what they say', () => {
    expect(settingsOf('latticeport:disabled', 'true')).toMatchObject({ disabled: true });
    expect(settingsOf('latticeport:expires', '2027-01-31')).toMatchObject({ expiresAt: Date.UTC(2027, 0, 31) });
    expect(settingsOf('latticeport:expires', '2027-01-31T18:00+01:00')).toMatchObject({
      expiresAt: Date.UTC(2027, 0, 31, 17),
    });
    expect(settingsOf('latticeport:require-post-quantum', '2027-01-31')).toMatchObject({
      requirePostQuantum: { from: '2027-01-31' },
    });
    expect(settingsOf('team', 'true')).toMatchObject({ disabled: false, expiresAt: null });
  });

  test.each([
    ['latticeport:disabled', 'yes'],
    ['latticeport:expires', '2027-02-31'],
    ['latticeport:expires', 'soon'],
    ['latticeport:require-post-quantum', 'maybe'],
    ['latticeport:quota', '1'],
    ['Latticeport:Disabled', 'true'],
  ])('%s=%s is refused', (key, value) => {
    expect(() => settingsOf(key, value)).toThrow(SettingRefused);
  });
});

test('patterns match as the regular expression does', () => {
  const pattern = fc.stringMatching(/^[ab*?]{0,8}$/);
  fc.assert(
    fc.property(pattern, fc.stringMatching(/^[abc]{0,10}$/), (glob, text) => {
      const expected = new RegExp(`^${glob.replaceAll('*', '.*').replaceAll('?', '.')}$`, 's').test(text);
      expect(globPattern(glob).matches(text)).toBe(expected);
    }),
    { numRuns: 2000 },
  );
});

test('networks are read from tags, with spaces or commas between them', () => {
  const read = (Key: string, Value: string) => userTagSettings([{ Key: `latticeport:${Key}`, Value }]);
  expect(read('allowed-cidrs', ' 192.0.2.0/24  2001:db8::/32,198.51.100.7/32').allowedNetworks).toEqual([
    '192.0.2.0/24',
    '2001:db8::/32',
    '198.51.100.7/32',
  ]);
  expect(read('denied-cidrs', '192.0.2.0/24')).toMatchObject({
    allowedNetworks: undefined,
    deniedNetworks: ['192.0.2.0/24'],
  });
  for (const wrong of ['', '192.0.2.1', '192.0.2.0/33', 'here']) {
    expect(() => read('allowed-cidrs', wrong)).toThrow(SettingRefused);
    expect(() => read('denied-cidrs', wrong)).toThrow(SettingRefused);
  }
});

test('whether a user may log in is read from its tags, whatever the others are', () => {
  const other = { Key: 'latticeport:of-a-later-version', Value: 'x' };
  const tag = (name: string, Value: string) => ({ Key: `latticeport:${name}`, Value });
  expect(accessTags([])).toEqual({ disabled: false, expiresAt: null });
  expect(accessTags([other, tag('disabled', 'true')])).toMatchObject({ disabled: true });
  expect(accessTags([tag('disabled', 'false'), other])).toMatchObject({ disabled: false });
  expect(accessTags([tag('disabled', 'yes')])).toMatchObject({ disabled: true });
  expect(accessTags([other, tag('expires', '2027-01-31')])).toMatchObject({ expiresAt: Date.UTC(2027, 0, 31) });
  expect(accessTags([tag('expires', 'soon')])).toMatchObject({ expiresAt: 0 });
});
