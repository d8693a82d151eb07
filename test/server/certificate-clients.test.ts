// Certificates with clients that are not OpenSSH's newest.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { generatePrivateKey, parsePrivateKey } from '../../src/crypto/keys/private-key.ts';
import { makeCertificate } from '../crypto/certificates/make-certificate.ts';
import type { PeerName } from '../peers/peers.ts';
import { findPeer } from '../peers/peers.ts';
import { run } from './run.ts';
import { startTestServer, type TestServer } from './test-server.ts';

const ca = parsePrivateKey(generatePrivateKey('ed25519').privateKey);
const caLine = `ssh-ed25519 ${ca.publicKey.blob.toString('base64')}`;
const folder = mkdtempSync(path.join(tmpdir(), 'latticeport-certificate-clients-'));
const file = (name: string): string => path.join(folder, name);
const KINDS = ['ed25519', 'ecdsa-256', 'rsa'] as const;

let server: TestServer;
let knownHosts = '';

/** A key, and its certificate beside it as OpenSSH names it. */
async function certified(name: string, kind: (typeof KINDS)[number], role: 'user' | 'host', principal: string) {
  // Paramiko 5.0 takes the last byte for padding where there is neither padding nor a comment.
  const { privateKey, publicKey } = generatePrivateKey(kind, kind === 'rsa' ? 2048 : undefined, name);
  writeFileSync(file(name), privateKey, { mode: 0o600 });
  writeFileSync(file(`${name}.pub`), `${publicKey}\n`);
  const key = parsePrivateKey(privateKey);
  const blob = await makeCertificate(key.publicKey, ca, { role, principals: [principal], keyId: name });
  const type = `${key.publicKey.type}-cert-v01@openssh.com`;
  writeFileSync(file(`${name}-cert.pub`), `${type} ${blob.toString('base64')} ${name}\n`);
}

beforeAll(async () => {
  for (const kind of KINDS) {
    await certified(`user_${kind}`, kind, 'user', 'demo');
    await certified(`host_${kind}`, kind, 'host', '127.0.0.1');
  }
  server = await startTestServer({
    hostKeys: KINDS.map((kind) => file(`host_${kind}`)),
    hostCertificates: KINDS.map((kind) => file(`host_${kind}-cert.pub`)),
    auth: { trustedUserCaKeys: [caLine] },
  });
  knownHosts = file('known_hosts');
  writeFileSync(knownHosts, `@cert-authority [127.0.0.1]:${server.port} ${caLine}\n`);
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

/** Ready to be started: lists the root. */
interface Listing {
  readonly command: readonly string[];
  readonly input?: string;
}
type Peer = NonNullable<ReturnType<typeof findPeer>>;
type Kind = (typeof KINDS)[number];

/** Clients that know the CA of the host keys, and one key at most. */
const CLIENTS: Partial<Record<PeerName, (kind: Kind, peer: Peer) => Listing>> = {
  'openssh-machine': (kind, { command }) => ({
    command: [
      ...command,
      ...['-F', 'none', '-P', String(server.port), '-b', '-', '-i', file(`user_${kind}`)],
      ...['-o', `UserKnownHostsFile=${knownHosts}`, '-o', 'StrictHostKeyChecking=yes', '-o', 'IdentitiesOnly=yes'],
      'demo@127.0.0.1',
    ],
    input: 'ls /\n',
  }),
  rclone: (kind, { command }) => {
    const remote = [
      `:sftp,host=127.0.0.1,port=${server.port},user=demo,shell_type=none`,
      `key_file=${file(`user_${kind}`)},pubkey_file=${file(`user_${kind}-cert.pub`)}`,
      `known_hosts_file=${knownHosts}:/`,
    ];
    return { command: [...command, 'lsf', remote.join(',')] };
  },
  asyncssh: (kind, { command }) => {
    const script = `import asyncio, asyncssh
async def main():
    async with asyncssh.connect('127.0.0.1', ${server.port}, username='demo', agent_path=None,
                                client_keys=[('${file(`user_${kind}`)}', '${file(`user_${kind}-cert.pub`)}')],
                                known_hosts='${knownHosts}') as connection:
        async with connection.start_sftp_client() as sftp:
            await sftp.listdir('/')
asyncio.run(main())`;
    return { command: [...command, '-c', script] };
  },
};

/** Clients that have certificates for users only. */
const OF_USERS_ONLY: typeof CLIENTS = {
  paramiko: (kind, { command }) => {
    const script = `import paramiko
key = paramiko.PKey.from_path('${file(`user_${kind}`)}')
key.load_certificate('${file(`user_${kind}-cert.pub`)}')
transport = paramiko.Transport(('127.0.0.1', ${server.port}))
transport.connect(username='demo', pkey=key)
paramiko.SFTPClient.from_transport(transport).listdir('/')
transport.close()`;
    return { command: [...command, '-c', script] };
  },
  putty: (kind, { command, program }) => {
    const puttygen = program('puttygen') ?? [];
    const ppk = file(`${kind}.ppk`);
    execFileSync(puttygen[0] ?? '', [...puttygen.slice(1), file(`user_${kind}`), '-O', 'private', '-o', ppk]);
    writeFileSync(file('batch'), 'ls /\n');
    const { fingerprint } = parsePrivateKey(readFileSync(file('host_ed25519'), 'utf8')).publicKey;
    return {
      command: [
        ...command,
        ...['-P', String(server.port), '-batch', '-i', ppk, '-cert', file(`user_${kind}-cert.pub`)],
        ...['-hostkey', fingerprint, '-b', file('batch'), 'demo@127.0.0.1'],
      ],
    };
  },
};

describe.each([
  ...Object.entries(CLIENTS).map(([name, listing]) => ({ name, listing, hostKey: /-cert-v01@openssh\.com$/ })),
  ...Object.entries(OF_USERS_ONLY).map(([name, listing]) => ({ name, listing, hostKey: /^[\w-]+$/ })),
])('$name', ({ name, listing, hostKey }) => {
  const peer = findPeer(name as PeerName);
  const given = peer === null ? test.skip : test;

  given.each(KINDS)(`${peer?.version ?? '(not installed)'} logs in with a certificate for %s`, async (kind) => {
    const before = server.log.length;
    const { command, input } = listing(kind, peer as Peer);
    const { status, stdout, stderr } = await run(command, { input: input ?? '', env: { HOME: folder } });
    expect({ status, output: status === 0 ? '' : stdout + stderr }).toEqual({ status: 0, output: '' });
    const lines = server.log.slice(before);
    expect(lines.find(({ event }) => event === 'auth.success')).toMatchObject({
      keyType: expect.stringContaining('-cert-v01@openssh.com'),
      certificate: { keyId: `user_${kind}`, caFingerprint: ca.publicKey.fingerprint },
    });
    const negotiated = lines.find(({ event }) => event === 'session.negotiated')?.['kex'] as { hostKey: string };
    expect(negotiated.hostKey).toMatch(hostKey);
  });
});
