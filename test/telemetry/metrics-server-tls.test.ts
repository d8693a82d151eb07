// The port for metrics over TLS, before clients that mean no good, or are old.
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { Monitoring } from '../../src/server/monitoring.ts';
import { listenerTls, type ListenerTls } from '../../src/server/tls-material.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { MetricsServer } from '../../src/telemetry/metrics-server.ts';
import { HANDSHAKES } from '../../src/tls/limits.ts';
import { findPeer, missingPeer } from '../peers/peers.ts';
import { runProgram } from '../peers/process.ts';
import { TestAuthority, writeCertificate } from '../tls/certificates.ts';
import { until } from '../transport/transport-pair.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'latticeport-metrics-tls-'));
const authority = new TestAuthority();
const ca = authority.certificate;
const files = writeCertificate(folder, authority.issue());
const caFile = path.join(folder, 'ca.crt');
writeFileSync(caFile, ca);

const ends: (() => void)[] = [];
let refused: string[] = [];
let port = 0;

afterEach(() => {
  for (const end of ends.splice(0)) end();
  refused = [];
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function start(settings: Partial<ListenerTls> = {}, handshakeMs = 5000): Promise<void> {
  const tls = listenerTls({ postQuantum: 'prefer', ...files, ...settings }, 'file.json', '$.metrics.tls');
  const server = new MetricsServer(
    {
      metrics: () => Promise.resolve('a_total 1\n'),
      notReady: () => null,
      onError: (error) => {
        throw error;
      },
      onRefused: (error) => refused.push(String((error as NodeJS.ErrnoException).code)),
    },
    { tls, handshakeMs, connectionMs: 3000 },
  );
  ends.push(() => {
    server.close();
  });
  ({ port } = await server.listen('127.0.0.1', 0));
}

/** GET /metrics on a connection of its own. Rejects with the error of the connection. */
function get(options: ConnectionOptions = {}): Promise<{ status: number; body: string; subject: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path: '/metrics', ca, agent: false, ...options }, (response) => {
      const socket = response.socket as unknown as { getPeerX509Certificate(): { subject: string } | undefined };
      const subject = socket.getPeerX509Certificate()?.subject ?? '';
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, body, subject });
      });
    });
    asked.on('error', reject);
    asked.end();
  });
}

interface Open {
  readonly socket: Socket;
  received: Buffer;
  closed: boolean;
}

function open(): Open {
  const state: Open = { socket: connect(port, '127.0.0.1'), received: Buffer.alloc(0), closed: false };
  ends.push(() => {
    state.socket.destroy();
  });
  state.socket.on('data', (data: Buffer) => (state.received = Buffer.concat([state.received, data])));
  state.socket.on('error', () => undefined);
  state.socket.on('close', () => (state.closed = true));
  return state;
}

describe('who is served', () => {
  test('a client of TLS 1.3, with and without a post-quantum exchange, and one of TLS 1.2', async () => {
    await start();
    expect(await get()).toMatchObject({ status: 200, body: 'a_total 1\n' });
    expect((await get({ ecdhCurve: 'X25519MLKEM768', minVersion: 'TLSv1.3' })).status).toBe(200);
    expect((await get({ ecdhCurve: 'X25519' })).status).toBe(200);
    expect((await get({ maxVersion: 'TLSv1.2' })).status).toBe(200);
    expect(refused).toEqual([]);
  });

  test('where a post-quantum exchange is required, nobody without', async () => {
    await start({ postQuantum: 'require' });
    expect((await get()).status).toBe(200);
    expect((await get({ ecdhCurve: 'X25519:SecP256r1MLKEM768' })).status).toBe(200);
    await expect(get({ ecdhCurve: 'X25519:P-256' })).rejects.toThrow(/handshake failure/);
    await expect(get({ maxVersion: 'TLSv1.2' })).rejects.toThrow(/protocol version|handshake failure/);
    expect(refused).toHaveLength(2);
  });

  test('a client that has X25519 in front and a hybrid behind gets the hybrid, preferred too', async () => {
    await start();
    let group: unknown;
    const asked = request({
      host: '127.0.0.1',
      port,
      path: '/healthz',
      ca,
      agent: false,
      ecdhCurve: '*X25519:X25519MLKEM768',
    });
    asked.on('socket', (socket) => {
      const tls = socket as unknown as { getEphemeralKeyInfo(): unknown } & Socket;
      tls.once('secureConnect', () => (group = tls.getEphemeralKeyInfo()));
    });
    asked.end();
    await once(asked, 'response');
    expect(group).toMatchObject({ name: 'X25519MLKEM768' });
  });

  test('where certificates of clients are asked for, nobody without one of the authority', async () => {
    await start({ clientCaFile: caFile });
    const { certificate, key } = authority.issue({ commonName: 'prometheus', dnsName: 'prometheus.example' });
    expect((await get({ cert: certificate, key })).status).toBe(200);
    await expect(get()).rejects.toThrow();
    const stranger = new TestAuthority('somebody else').issue();
    await expect(get({ cert: stranger.certificate, key: stranger.key })).rejects.toThrow();
    const expired = authority.issue({ notAfter: new Date(Date.now() - 1000) });
    await expect(get({ cert: expired.certificate, key: expired.key })).rejects.toThrow();
    // The last two are told apart after the handshake, and get no answer all the same.
    expect(refused.length).toBeGreaterThanOrEqual(1);
  });
});

describe.each(['openssl-machine', 'openssl-sid'] as const)('s_client of %s', (name) => {
  const peer = findPeer(name);
  const t = peer === null ? test.skip : test;

  t(
    `is served where it has ML-KEM, and otherwise refused${peer === null ? ` (${missingPeer(name) ?? ''})` : ''}`,
    async () => {
      await start({ postQuantum: 'require' });
      const command = [...(peer?.command ?? []), 's_client', '-connect', `127.0.0.1:${port}`];
      const said = await runProgram([...command, '-CAfile', caFile, '-verify_return_error', '-ign_eof'], {
        input: 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n',
        timeoutMs: 20_000,
      });
      const isModern = /^(3\.[5-9]|[4-9])/.test(peer?.version ?? '');
      expect(said.stdout.includes('HTTP/1.1 200 OK')).toBe(isModern);
      if (!isModern) expect(said.stderr).toContain('handshake failure');
    },
  );
});

describe('who means no good', () => {
  test('silence, half a handshake, and what is no TLS end, and keep nobody from asking', async () => {
    await start({}, 400);
    const silent = open();
    const half = open();
    // A record that announces more than comes.
    half.socket.write(Buffer.from('1603010200010001fc0303', 'hex'));
    const plain = open();
    plain.socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n');
    const slow = open();
    const timer = setInterval(() => slow.socket.write(Buffer.from('16')), 20);
    expect((await get()).status).toBe(200);
    await until(() => [silent, half, plain, slow].every(({ closed }) => closed), 'all are closed', 10_000);
    clearInterval(timer);
    expect(plain.received.toString('latin1')).not.toContain('a_total');
    expect(refused).toContain('ERR_TLS_HANDSHAKE_TIMEOUT');
    expect((await get()).status).toBe(200);
  });

  test('more handshakes than there is room for: the oldest goes, and who comes then is served', async () => {
    // So long that only the room can be the reason.
    await start({}, 60_000);
    const many: Open[] = [];
    for (let i = 0; i < HANDSHAKES + 20; i += 1) {
      const one = open();
      many.push(one);
      await once(one.socket, 'connect');
    }
    await until(() => many.filter(({ closed }) => closed).length >= 20, 'the surplus is cut off', 10_000);
    expect((await get()).status).toBe(200);
    expect(many.slice(0, 20).every(({ closed }) => closed)).toBe(true);
    expect(many.filter(({ closed }) => !closed).length).toBeGreaterThanOrEqual(HANDSHAKES - 1);
  });

  test('a request that does not come after the handshake ends by its own limit', async () => {
    await start();
    const asked = request({ host: '127.0.0.1', port, path: '/metrics', ca, agent: false });
    asked.on('error', () => undefined);
    const [socket] = (await once(asked, 'socket')) as [Socket];
    // The head is never sent.
    let closed = false;
    socket.on('close', () => (closed = true));
    await until(() => closed, 'it is closed', 10_000);
    asked.destroy();
  });

  test('closing ends handshakes and connections', async () => {
    await start();
    const state = open();
    await once(state.socket, 'connect');
    expect((await get()).status).toBe(200);
    for (const end of ends.splice(0, 1)) end();
    await until(() => state.closed, 'it is closed', 10_000);
  });
});

describe('a certificate that changes', () => {
  test('is taken for new connections; a broken one, or half of one, is not', async () => {
    const own = mkdtempSync(path.join(folder, 'renewed-'));
    const settings = {
      postQuantum: 'prefer' as const,
      ...writeCertificate(own, authority.issue({ commonName: 'first' })),
    };
    const lines: Record<string, unknown>[] = [];
    const log = createLogger(
      { level: 'info', format: 'json' },
      { write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>) },
    );
    const monitoring = await Monitoring.start({ host: '127.0.0.1', port: 0, tls: settings }, log, 'own.json');
    ends.push(() => {
      monitoring.close();
    });
    expect(lines[0]).toMatchObject({ event: 'metrics.listening', tls: true });
    expect(lines[0]?.['msg']).toMatch(/^metrics and health on https:/);
    port = Number(lines[0]?.['port']);
    expect((await get()).subject).toBe('CN=first');

    // The certificate first, as most programs write them.
    const second = authority.issue({ commonName: 'second' });
    writeFileSync(settings.certificateFile, second.certificate);
    monitoring.checkCertificate();
    monitoring.checkCertificate();
    const problems = lines.filter(({ event }) => event === 'metrics.certificate-refused');
    expect(problems).toMatchObject([{ level: 'error', file: 'own.json', jsonPath: '$.metrics.tls.keyFile' }]);
    expect((await get()).subject).toBe('CN=first');
    writeFileSync(settings.keyFile, second.key);
    monitoring.checkCertificate();
    expect(lines.at(-1)).toMatchObject({ event: 'metrics.certificate-reloaded' });
    expect((await get()).subject).toBe('CN=second');

    writeFileSync(settings.certificateFile, 'no certificate');
    monitoring.checkCertificate();
    expect(lines.at(-1)).toMatchObject({
      event: 'metrics.certificate-refused',
      jsonPath: '$.metrics.tls.certificateFile',
    });
    expect((await get()).subject).toBe('CN=second');
  });

  test('strangers whose handshakes fail fill no log', async () => {
    const lines: Record<string, unknown>[] = [];
    const log = createLogger(
      { level: 'info', format: 'json' },
      { write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>) },
    );
    const tls = { postQuantum: 'require' as const, ...files };
    const monitoring = await Monitoring.start({ host: '127.0.0.1', port: 0, tls }, log, 'own.json');
    ends.push(() => {
      monitoring.close();
    });
    port = Number(lines[0]?.['port']);
    for (let i = 0; i < 5; i += 1) await expect(get({ ecdhCurve: 'X25519' })).rejects.toThrow();
    const told = lines.filter(({ event }) => event === 'metrics.client-refused');
    expect(told).toMatchObject([{ level: 'warn', remoteAddress: '127.0.0.1' }]);
  });
});
