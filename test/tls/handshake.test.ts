// One handshake, and what it comes to, with servers of Node's and OpenSSL's own.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { isPostQuantumGroup, keyExchange, postQuantumGroups } from '../../src/tls/groups.ts';
import { handshake } from '../../src/tls/handshake.ts';
import { tlsFacts } from '../../src/tls/tls-facts.ts';
import { tlsFaultOf, tlsReason } from '../../src/tls/tls-fault.ts';
import { findPeer, missingPeer, type PeerName } from '../peers/peers.ts';
import { freePort, ServerProcess } from '../peers/process.ts';
import { TestAuthority, writeCertificate } from './certificates.ts';
import { CLASSICAL_GROUPS, MODERN_GROUPS, TlsProxy } from './tls-proxy.ts';

const authority = new TestAuthority();
const { certificate: cert, key } = authority.issue();
const ca = authority.certificate;
const folder = mkdtempSync(path.join(tmpdir(), 'latticeport-handshake-'));
const NOWHERE = 'http://127.0.0.1:1';
const host = '127.0.0.1';

let proxy: TlsProxy | undefined;

afterEach(async () => {
  await proxy?.stop();
  proxy = undefined;
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function portWith(options: Parameters<typeof TlsProxy.start>[1]): Promise<number> {
  proxy = await TlsProxy.start(NOWHERE, { cert, key, ...options });
  return proxy.port;
}

const failure = async (attempt: Promise<unknown>): Promise<Error & { readonly code?: string }> =>
  attempt.then(
    () => {
      throw new Error('it succeeded');
    },
    (error: unknown) => error as Error,
  );

test('the hybrids are those of the IANA registry, and this Node has them', () => {
  expect(postQuantumGroups()).toEqual(['X25519MLKEM768', 'SecP256r1MLKEM768', 'SecP384r1MLKEM1024']);
  expect([...postQuantumGroups(), 'X25519', 'MLKEM', null].map(isPostQuantumGroup)).toEqual([
    ...[true, true, true],
    ...[false, false, false],
  ]);
});

test.each([
  ['TLSv1.3', {}, 'unnamed hybrid', true],
  ['TLSv1.3', { type: 'TLSGroup', name: 'SecP256r1MLKEM768' }, 'SecP256r1MLKEM768', true],
  ['TLSv1.3', { type: 'DH', size: 2048 }, 'DH', false],
  ['TLSv1.2', {}, null, false],
])('what Node 24.7 and others say of %s with %j', (protocol, info, group, postQuantum) => {
  const socket = {
    getProtocol: () => protocol,
    getCipher: () => ({ standardName: 'TLS_AES_256_GCM_SHA384' }),
    getEphemeralKeyInfo: () => info,
  };
  expect(tlsFacts(socket as unknown as TLSSocket)).toMatchObject({ protocol, group, postQuantum });
});

test('reasons are short, and no letters of a terminal', () => {
  const message = `Host: a. is not cert's CN: \u001b[2J\u202e${'x'.repeat(1000)}`;
  const reason = tlsReason(Object.assign(new Error(message), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' }));
  expect(reason).toMatch(/^Host: a\. is not cert's CN: \?\[2J\?x+$/);
  expect(reason.length).toBeLessThanOrEqual(200);
  expect([tlsReason(null), tlsReason({}), tlsFaultOf(null), tlsFaultOf(new Error('x'))]).toEqual([
    'it gives no reason',
    'it gives no reason',
    null,
    null,
  ]);
});

describe('with everything on offer', () => {
  test.each([
    [MODERN_GROUPS, 'X25519MLKEM768', true],
    ['SecP256r1MLKEM768:P-256', 'SecP256r1MLKEM768', true],
    ['SecP384r1MLKEM1024', 'SecP384r1MLKEM1024', true],
    [CLASSICAL_GROUPS, 'X25519', false],
    ['P-256', 'prime256v1', false],
  ])('a server with %s: %s', async (ecdhCurve, group, postQuantum) => {
    const port = await portWith({ ecdhCurve });
    expect(await handshake({ host, port, context: { ca, ...keyExchange('prefer') } })).toEqual({
      protocol: 'TLSv1.3',
      cipher: 'TLS_AES_256_GCM_SHA384',
      group,
      postQuantum,
      authorized: true,
      authorizationError: null,
      certificateKeyType: 'ec',
    });
  });

  test('a server that has TLS 1.2 only', async () => {
    const port = await portWith({ maxVersion: 'TLSv1.2' });
    const result = await handshake({ host, port, context: { ca, ...keyExchange('prefer') } });
    expect(result).toMatchObject({ protocol: 'TLSv1.2', group: 'X25519', postQuantum: false, authorized: true });
    expect(result.cipher).toMatch(/^TLS_ECDHE_ECDSA_/);
  });

  test('a certificate that a quantum computer does not forge', async () => {
    const quantumSafe = new TestAuthority('a quantum-safe authority', 'ml-dsa-65');
    const issued = quantumSafe.issue({ key: 'ml-dsa-65' });
    const port = await portWith({ cert: issued.certificate, key: issued.key });
    const result = await handshake({ host, port, context: { ca: quantumSafe.certificate, ...keyExchange('require') } });
    expect(result).toMatchObject({ postQuantum: true, authorized: true, certificateKeyType: 'ml-dsa-65' });
  });

  test('certificates that are not trusted are told, with the reason', async () => {
    const port = await portWith({});
    const stranger = new TestAuthority('somebody else');
    expect(await handshake({ host, port, context: { ca: stranger.certificate } })).toMatchObject({
      authorized: false,
      authorizationError: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    });
    const old = authority.issue({ notAfter: new Date(Date.now() - 1000) });
    proxy?.become({ cert: old.certificate, key: old.key });
    expect(await handshake({ host, port, context: { ca } })).toMatchObject({ authorizationError: 'CERT_HAS_EXPIRED' });
    const other = authority.issue({ dnsName: 'elsewhere.example' });
    proxy?.become({ cert: other.certificate, key: other.key });
    expect(await handshake({ host, port, context: { ca } })).toMatchObject({
      authorizationError: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
  });
});

describe('with hybrids only', () => {
  test.each([
    ['no group in common', { ecdhCurve: CLASSICAL_GROUPS }, /handshake failure/],
    ['TLS 1.2 only', { maxVersion: 'TLSv1.2' }, /protocol version/],
  ] as const)('%s: the handshake fails', async (_what, options, reason) => {
    const port = await portWith(options);
    const error = await failure(handshake({ host, port, context: { ca, ...keyExchange('require') } }));
    expect(tlsFaultOf(error)).toBe('handshake');
    expect(tlsReason(error)).toMatch(reason);
    expect(tlsReason(error)).not.toContain('openssl/');
  });

  test('a server that has one connects', async () => {
    const port = await portWith({ ecdhCurve: MODERN_GROUPS });
    const result = await handshake({ host, port, context: { ca, ...keyExchange('require') } });
    expect(result).toMatchObject({ protocol: 'TLSv1.3', group: 'X25519MLKEM768', postQuantum: true });
  });
});

describe('who does not answer', () => {
  test('accepts and says nothing: an end after the time given', async () => {
    const silent = createServer((socket) => socket.on('error', () => undefined));
    silent.listen(0, host);
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const error = await failure(handshake({ host, port, context: {}, timeoutMs: 200 }));
    expect(error).toMatchObject({ code: 'ETIMEDOUT' });
    expect(tlsFaultOf(error)).toBeNull();
    silent.close();
  });

  test('hangs up at once, is not there, or speaks something else', async () => {
    const rude = createServer((socket) => socket.destroy());
    rude.listen(0, host);
    await once(rude, 'listening');
    const { port } = rude.address() as AddressInfo;
    expect(await failure(handshake({ host, port, context: {} }))).toMatchObject({ code: 'ECONNRESET' });
    rude.close();
    const free = await freePort();
    expect(await failure(handshake({ host, port: free, context: {} }))).toMatchObject({ code: 'ECONNREFUSED' });
    const plain = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    plain.listen(0, host);
    await once(plain, 'listening');
    const error = await failure(handshake({ host, port: (plain.address() as AddressInfo).port, context: {} }));
    expect(tlsFaultOf(error)).toBe('handshake');
    plain.close();
  });
});

describe.each<PeerName>(['openssl-sid', 'openssl-machine'])('s_server of %s', (name) => {
  const peer = findPeer(name);
  const isModern = peer !== null && /^(3\.[5-9]|[4-9])/.test(peer.version);
  const t = peer === null ? test.skip : test;
  const why = peer === null ? ` (${missingPeer(name) ?? ''})` : '';
  const { certificateFile, keyFile } = writeCertificate(folder, { certificate: cert, key });
  let server: ServerProcess | undefined;

  afterEach(async () => {
    await server?.stop();
    server = undefined;
  });

  async function start(...more: string[]): Promise<number> {
    const port = await freePort();
    const command = [...(peer?.command ?? []), 's_server', '-accept', `${host}:${port}`];
    server = new ServerProcess([...command, '-cert', certificateFile, '-key', keyFile, '-quiet', ...more]);
    await server.listening(port);
    return port;
  }

  t(`by default, preferred${why}`, async () => {
    const result = await handshake({ host, port: await start(), context: { ca, ...keyExchange('prefer') } });
    expect(result).toMatchObject({
      group: isModern ? 'X25519MLKEM768' : 'X25519',
      postQuantum: isModern,
      authorized: true,
    });
  });

  t(`classical, required${why}`, async () => {
    const port = await start('-groups', 'X25519:P-256');
    expect(tlsFaultOf(await failure(handshake({ host, port, context: { ca, ...keyExchange('require') } })))).toBe(
      'handshake',
    );
  });
});
