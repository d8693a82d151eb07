import { expect, test } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { ADMIN, newInstallation, refused } from './test-installation.ts';

const { operations } = newInstallation();

interface Published {
  readonly SecurityPolicy: { readonly SecurityPolicyName: string } & Readonly<Record<string, unknown>>;
}

const files = readdirSync('security-policies')
  .filter((name) => name.endsWith('.json') && name !== 'schema.json')
  .map((name) => JSON.parse(readFileSync(`security-policies/${name}`, 'utf8')) as Published);

test('all are listed, those for connectors too', async () => {
  const names: string[] = [];
  let NextToken: string | undefined;
  do {
    const page = await operations.ListSecurityPolicies({ MaxResults: 7, NextToken }, ADMIN);
    names.push(...(page.SecurityPolicyNames ?? []));
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
  const connectors = ['2023-07', '2024-03', 'FIPS-2024-10'].map((end) => `TransferSFTPConnectorSecurityPolicy-${end}`);
  expect(names).toEqual(
    [...files.map(({ SecurityPolicy }) => SecurityPolicy.SecurityPolicyName), ...connectors].sort(),
  );
});

test.each(files.map(({ SecurityPolicy }) => [SecurityPolicy.SecurityPolicyName, SecurityPolicy] as const))(
  '%s is described as its file has it',
  async (SecurityPolicyName, file) => {
    const { SecurityPolicy } = await operations.DescribeSecurityPolicy({ SecurityPolicyName }, ADMIN);
    const { SshHostKeyAlgorithms, ContentEncryptionCiphers: _c, HashAlgorithms: _h, ...published } = file;
    expect(SecurityPolicy).toMatchObject(published);
    expect(SecurityPolicy?.Type).toBe('SERVER');
    if (SshHostKeyAlgorithms !== undefined) expect(SecurityPolicy?.SshHostKeyAlgorithms).toEqual(SshHostKeyAlgorithms);
  },
);

test('a connector policy is data', async () => {
  const SecurityPolicyName = 'TransferSFTPConnectorSecurityPolicy-FIPS-2024-10';
  expect(await operations.DescribeSecurityPolicy({ SecurityPolicyName }, ADMIN)).toEqual({
    SecurityPolicy: {
      SecurityPolicyName,
      Fips: true,
      Type: 'CONNECTOR',
      Protocols: ['SFTP'],
      SshCiphers: ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com'],
      SshKexs: ['ecdh-sha2-nistp256', 'ecdh-sha2-nistp384', 'ecdh-sha2-nistp521'],
      SshMacs: ['hmac-sha2-512', 'hmac-sha2-256'],
      SshHostKeyAlgorithms: ['rsa-sha2-256', 'rsa-sha2-512', 'ecdsa-sha2-nistp256'],
    },
  });
});

test('one that is not there', async () => {
  const SecurityPolicyName = 'TransferSecurityPolicy-2099-01';
  expect(await refused(() => operations.DescribeSecurityPolicy({ SecurityPolicyName }, ADMIN))).toEqual({
    exception: 'ResourceNotFoundException',
    message: 'Unknown security policy',
    members: { Resource: SecurityPolicyName, ResourceType: 'SecurityPolicy' },
  });
});
