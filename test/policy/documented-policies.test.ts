import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { BUILT_IN, builtIn } from './policy-files.ts';

/**
 * The facts about the service's server policies, as its documentation printed them in September 2026 (and, for the two
 * experimental ones and 2024-01, as they were announced): each list in its documented order. Restated here, so that a
 * change of a file in security-policies/ is a change of two places.
 */
const ABBREVIATIONS: Readonly<Record<string, string>> = {
  MLx: 'mlkem768x25519-sha256',
  MLp: 'mlkem768nistp256-sha256',
  MLq: 'mlkem1024nistp384-sha384',
  P256: 'ecdh-sha2-nistp256',
  P384: 'ecdh-sha2-nistp384',
  P521: 'ecdh-sha2-nistp521',
  X: 'curve25519-sha256',
  'X@': 'curve25519-sha256@libssh.org',
  G14: 'diffie-hellman-group14-sha256',
  G14s1: 'diffie-hellman-group14-sha1',
  G16: 'diffie-hellman-group16-sha512',
  G18: 'diffie-hellman-group18-sha512',
  GEX: 'diffie-hellman-group-exchange-sha256',
  K768: 'ecdh-nistp384-kyber-768r3-sha384-d00@openquantumsafe.org',
  KX512: 'x25519-kyber-512r3-sha256-d00@amazon.com',
  K512: 'ecdh-nistp256-kyber-512r3-sha256-d00@openquantumsafe.org',
  K1024: 'ecdh-nistp521-kyber-1024r3-sha512-d00@openquantumsafe.org',
  g128: 'aes128-gcm@openssh.com',
  g256: 'aes256-gcm@openssh.com',
  c128: 'aes128-ctr',
  c192: 'aes192-ctr',
  c256: 'aes256-ctr',
  cc: 'chacha20-poly1305@openssh.com',
  '256e': 'hmac-sha2-256-etm@openssh.com',
  '512e': 'hmac-sha2-512-etm@openssh.com',
  '256': 'hmac-sha2-256',
  '512': 'hmac-sha2-512',
  '1': 'hmac-sha1',
  '1e': 'hmac-sha1-etm@openssh.com',
  u64e: 'umac-64-etm@openssh.com',
  u128e: 'umac-128-etm@openssh.com',
  u64: 'umac-64@openssh.com',
  u128: 'umac-128@openssh.com',
};

const DOCUMENTED: readonly (readonly [
  name: string,
  fips: boolean,
  ciphers: string,
  kex: string,
  macs: string,
  sshRsa: boolean,
])[] = [
  [
    'TransferSecurityPolicy-2025-03',
    false,
    'g256 g128 c128 c256 c192',
    'MLx MLp MLq P256 P384 P521 X X@ G16 G18 GEX',
    '256e 512e',
    false,
  ],
  [
    'TransferSecurityPolicy-FIPS-2025-03',
    true,
    'g256 g128 c256 c192 c128',
    'MLx MLp MLq P256 P384 P521 GEX G16 G18',
    '512e 256e',
    false,
  ],
  [
    'TransferSecurityPolicy-AS2Restricted-2025-07',
    false,
    'g256 g128 c128 c256 c192',
    'MLx MLp MLq P256 P384 P521 X X@ G16 G18 GEX',
    '256e 512e',
    false,
  ],
  [
    'TransferSecurityPolicy-SshAuditCompliant-2025-02',
    false,
    'g128 g256 c128 c256 c192',
    'X X@ G18 G16 GEX',
    '256e 512e',
    false,
  ],
  [
    'TransferSecurityPolicy-2024-01',
    false,
    'g128 g256 c128 c256 c192',
    'K768 KX512 K512 K1024 P256 P384 P521 X X@ G18 G16 GEX',
    '256e 512e',
    false,
  ],
  [
    'TransferSecurityPolicy-FIPS-2024-01',
    true,
    'g128 g256 c128 c256 c192',
    'P256 P384 P521 G18 G16 GEX',
    '256e 512e',
    true,
  ],
  [
    'TransferSecurityPolicy-FIPS-2024-05',
    true,
    'g128 g256 c128 c256 c192',
    'P256 P384 P521 G18 G16 GEX',
    '256e 512e',
    false,
  ],
  ['TransferSecurityPolicy-2023-05', false, 'g256 g128 c256 c192', 'X X@ G16 G18 GEX', '512e 256e', false],
  ['TransferSecurityPolicy-FIPS-2023-05', true, 'g256 g128 c256 c192', 'G16 G18 GEX', '256e 512e', true],
  ['TransferSecurityPolicy-2022-03', false, 'g256 g128 c256 c192', 'X X@ G16 G18 GEX', '512e 256e 512 256', false],
  [
    'TransferSecurityPolicy-2020-06',
    false,
    'cc c128 c192 c256 g128 g256',
    'P256 P384 P521 GEX G16 G18 G14',
    'u128e 256e 512e u128 256 512',
    true,
  ],
  [
    'TransferSecurityPolicy-Restricted-2020-06',
    false,
    'c128 c192 c256 g128 g256',
    'P256 P384 P521 GEX G16 G18 G14',
    'u128e 256e 512e u128 256 512',
    true,
  ],
  [
    'TransferSecurityPolicy-FIPS-2020-06',
    true,
    'c128 c192 c256 g128 g256',
    'P256 P384 P521 GEX G16 G18 G14',
    '256e 512e 256 512',
    true,
  ],
  [
    'TransferSecurityPolicy-2018-11',
    false,
    'cc c128 c192 c256 g128 g256',
    'X X@ P256 P384 P521 GEX G16 G18 G14 G14s1',
    'u64e u128e 256e 512e 1e u64 u128 256 512 1',
    true,
  ],
  [
    'TransferSecurityPolicy-Restricted-2018-11',
    false,
    'c128 c192 c256 g128 g256',
    'X X@ P256 P384 P521 GEX G16 G18 G14 G14s1',
    'u64e u128e 256e 512e 1e u64 u128 256 512 1',
    true,
  ],
  [
    'TransferSecurityPolicy-PQ-SSH-Experimental-2023-04',
    false,
    'g256 g128 c256 c192',
    'K768 KX512 K512 K1024 X X@ G16 G18 GEX',
    '512e 256e 512 256',
    false,
  ],
  [
    'TransferSecurityPolicy-PQ-SSH-FIPS-Experimental-2023-04',
    true,
    'g256 g128 c256 c192 c128',
    'K768 K512 K1024 P256 P384 P521 GEX G16 G18 G14',
    '512e 256e 512 256',
    true,
  ],
];

const HOST_KEYS = [
  'rsa-sha2-256',
  'rsa-sha2-512',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'ssh-ed25519',
];

const TLS_CIPHERS = ['128_GCM_SHA256', '128_CBC_SHA256', '256_GCM_SHA384', '256_CBC_SHA384'].flatMap((suite) =>
  ['ECDSA', 'RSA'].map((signature) => `TLS_ECDHE_${signature}_WITH_AES_${suite}`),
);
/** 2018-11 adds two without forward secrecy. */
const OLD_TLS_CIPHERS = [...TLS_CIPHERS, 'TLS_RSA_WITH_AES_128_CBC_SHA256', 'TLS_RSA_WITH_AES_256_CBC_SHA256'];

function long(names: string): string[] {
  return names.split(' ').map((name) => {
    const full = ABBREVIATIONS[name];
    if (full === undefined) throw new Error(`no such abbreviation: ${name}`);
    return full;
  });
}

describe('policies of the service', () => {
  test.each(DOCUMENTED)('%s is as documented, in order', (name, fips, ciphers, kex, macs, sshRsa) => {
    const policy = builtIn.get(name);
    expect(policy?.fips).toBe(fips);
    expect(policy?.algorithms).toEqual({
      kex: long(kex),
      ciphers: long(ciphers),
      macs: long(macs),
      hostKeys: sshRsa ? [...HOST_KEYS, 'ssh-rsa'] : HOST_KEYS,
    });
  });

  test.each(DOCUMENTED)("%s has the service's shape, key by key", (name) => {
    const file = JSON.parse(readFileSync(join(BUILT_IN, `${name}.json`), 'utf8')) as Record<string, object>;
    // The service does not say how small its groups may be; ssh-audit objects to those below 3072 bits.
    const own = name === 'TransferSecurityPolicy-SshAuditCompliant-2025-02' ? ['GroupExchangeMinBits'] : [];
    expect(Object.keys(file)).toEqual(['$schema', 'Description', 'Origin', ...own, 'SecurityPolicy']);
    expect(file['$schema']).toBe('./schema.json');
    expect(file['Origin']).toMatch(/^(documented|derived|reconstructed)/);
    expect(Object.keys(file['SecurityPolicy'] ?? {})).toEqual([
      'SecurityPolicyName',
      'Fips',
      'Type',
      'Protocols',
      'SshCiphers',
      'SshKexs',
      'SshMacs',
      'SshHostKeyAlgorithms',
      'TlsCiphers',
    ]);
    expect(file['SecurityPolicy']).toMatchObject({
      SecurityPolicyName: name,
      Type: 'SERVER',
      Protocols: ['SFTP', 'FTPS'],
      TlsCiphers: name.endsWith('2018-11') ? OLD_TLS_CIPHERS : TLS_CIPHERS,
    });
  });

  test('there are no others but our own five', () => {
    const own = ['', '-Audit', '-CNSA2', '-FIPS', '-Required'].map((part) => `TransferPQSecurityPolicy${part}-2026-11`);
    const names = [...DOCUMENTED.map(([name]) => name), ...own].sort();
    expect(builtIn.all.map(({ name }) => name)).toEqual(names);
    expect(readdirSync(BUILT_IN).sort()).toEqual([...names.map((name) => `${name}.json`), 'schema.json'].sort());
  });
});
