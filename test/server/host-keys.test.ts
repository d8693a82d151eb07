import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { generatePrivateKey } from '../../src/crypto/keys/private-key.ts';
import { loadHostKeys } from '../../src/server/host-keys.ts';

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

  // As Kubernetes mounts a secret: owned by root, readable by the pod's group.
  const given = process.getuid?.() === 0 ? test : test.skip;
  given("of another's may be readable by the group, and never by everybody", () => {
    chownSync(file, 4242, 0);
    expect(load(0o440)()).toHaveLength(1);
    expect(load(0o444)).toThrow('can be read by others');
  });
});
