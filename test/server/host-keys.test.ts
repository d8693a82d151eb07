import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { generatePrivateKey } from '../../src/crypto/keys/private-key.ts';
import { loadHostKeys } from '../../src/server/host-keys.ts';

const VECTORS = join(import.meta.dirname, '../vectors/mldsa44-ed25519');

describe('a host key file', () => {
  let directory = '';
  let file = '';
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'latticeport-host-keys-'));
    file = join(directory, 'key');
    writeFileSync(file, generatePrivateKey('ed25519', undefined, 'test').privateKey);
  });
  afterAll(() => {
    rmSync(directory, { recursive: true });
  });
  const load = (mode: number) => () => {
    chmodSync(file, mode);
    return loadHostKeys([file], 'latticeport.json');
  };

  test('of our own is for us alone', () => {
    expect(load(0o600)()).toHaveLength(1);
    expect(load(0o400)()).toHaveLength(1);
    for (const mode of [0o640, 0o604, 0o644]) expect(load(mode)).toThrow('$.hostKeys[0]');
  });

  test('may be encrypted, with the passphrase in a file that is as private', () => {
    const encrypted = join(directory, 'encrypted');
    const secret = join(directory, 'passphrase');
    const base64 = readFileSync(join(VECTORS, 'id_encrypted.b64'), 'utf8').trim();
    writeFileSync(encrypted, `-----BEGIN OPENSSH PRIVATE KEY-----\n${base64}\n-----END OPENSSH PRIVATE KEY-----\n`, {
      mode: 0o600,
    });
    chmodSync(file, 0o600);
    const both = () => loadHostKeys([file, encrypted], 'latticeport.json', secret);
    expect(both).toThrow(/\$\.hostKeyPassphraseFile: passphrase cannot be read/);
    writeFileSync(secret, 'secret\r\nnot this line\n', { mode: 0o600 });
    expect(both().map(({ publicKey }) => publicKey.type)).toEqual(['ssh-ed25519', 'ssh-mldsa44-ed25519']);
    chmodSync(secret, 0o644);
    expect(both).toThrow(/\$\.hostKeyPassphraseFile: .* can be read by others/);
    writeFileSync(secret, 'guess\n');
    chmodSync(secret, 0o600);
    expect(both).toThrow(/\$\.hostKeys\[1\]: .*wrong passphrase/);
    writeFileSync(secret, '\n');
    expect(both).toThrow('empty first line');
    expect(() => loadHostKeys([encrypted], 'latticeport.json')).toThrow('no passphrase was given');
  });

  // As Kubernetes mounts a secret: owned by root, readable by the pod's group.
  const given = process.getuid?.() === 0 ? test : test.skip;
  given("of another's may be readable by the group, and never by everybody", () => {
    chownSync(file, 4242, 0);
    expect(load(0o440)()).toHaveLength(1);
    expect(load(0o444)).toThrow('can be read by others');
  });
});
