// `latticeport probe` against our own server, two other projects' servers, and servers that behave badly.
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ProbeReport } from '../../src/cli/probe/probe.ts';
import { KEX_BY_NAME } from '../../src/crypto/algorithms/algorithm-table.ts';
import { encodeKexInit, kexInitFor } from '../../src/negotiation/kexinit.ts';
import type { Identity } from '../interop/identity.ts';
import { makeIdentity } from '../interop/identity.ts';
import { findPeer, missingPeer } from '../peers/peers.ts';
import type { Finished } from '../peers/process.ts';
import { freePort, mustRun, runProgram, ServerProcess } from '../peers/process.ts';
import type { TestServer } from '../server/test-server.ts';
import { startTestServer } from '../server/test-server.ts';
import { MODERN } from '../transport/transport-pair.ts';

const MAIN = path.resolve(import.meta.dirname, '../../dist/cli/main.js');
const POLICIES = path.join(import.meta.dirname, '../server/policies');

const folder = mkdtempSync(path.join(tmpdir(), 'latticeport-probe-'));
let identity: Identity;

beforeAll(async () => {
  identity = await makeIdentity(path.join(folder, 'identity'));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function probe(...args: readonly string[]): Promise<Finished> {
  return runProgram([process.execPath, MAIN, 'probe', ...args], { timeoutMs: 60_000 });
}

async function report(port: number): Promise<{ code: number | null; report: ProbeReport }> {
  const { code, stdout, stderr } = await probe(`127.0.0.1:${port}`, '--json');
  if (stdout === '') throw new Error(stderr);
  return { code, report: JSON.parse(stdout) as ProbeReport };
}

const working = ({ methods }: ProbeReport): string[] =>
  methods.filter(({ outcome }) => outcome === 'works').map(({ method }) => method);

async function withServer(
  config: Parameters<typeof startTestServer>[0],
  use: (server: TestServer) => Promise<void>,
): Promise<void> {
  const server = await startTestServer({ storage: { type: 'memory' }, ...config });
  try {
    await use(server);
    expect(server.log.filter(({ level }) => level === 'error')).toEqual([]);
  } finally {
    await server.stop();
  }
}

describe('our own server', () => {
  test('with every method: each works, and every host key is shown', async () => {
    await withServer(
      { securityPolicy: 'TransferPQSecurityPolicy-Test-Everything', policyDirectories: [POLICIES] },
      async (server) => {
        const { code, report: found } = await report(server.port);
        expect(code).toBe(0);
        expect(found.methods.filter(({ outcome }) => outcome !== 'works')).toEqual([]);
        expect(working(found)).toEqual([...server.running.prepared.policy.algorithms.kex]);
        for (const { method, family, milliseconds, bytesSent, bytesReceived } of found.methods) {
          expect(family).toBe(KEX_BY_NAME.get(method)?.family);
          expect(milliseconds).toBeGreaterThan(0);
          expect(Math.min(bytesSent ?? 0, bytesReceived ?? 0)).toBeGreaterThan(500);
        }
        const fingerprints = server.running.prepared.hostKeys.map(({ publicKey }) => publicKey.fingerprint);
        expect([...new Set(found.hostKeys.map(({ fingerprint }) => fingerprint))].sort()).toEqual(fingerprints.sort());
        expect(found.strictKex).toBe(true);
        expect(found.verdict).toMatch(/^quantum-safe: .*first in its list.*; insists on it/);
        expect(found.insists).toBe(true);
      },
    );
  });

  test('the default policy, as text', async () => {
    await withServer({}, async (server) => {
      const { code, stdout, stderr } = await probe(`127.0.0.1:${server.port}`);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toMatch(/^127\.0\.0\.1 port \d+: SSH-2\.0-Latticeport_\d+\.\d+\n/);
      expect(stdout).toMatch(/^mlkem768x25519-sha256 +post-quantum +works +[\d.]+ ms +\d+ \+ \d+ B$/m);
      expect(stdout).toMatch(/^host key {2}ssh-ed25519 \(256 bits\) {2}SHA256:/m);
      expect(stdout).toMatch(/^strict key exchange: yes$/m);
    });
  });

  test('that offers without insisting', async () => {
    await withServer({ postQuantum: 'offer' }, async (server) => {
      const { report: found } = await report(server.port);
      expect(found.insists).toBe(false);
      expect(found.verdict).toMatch(/; a client that prefers a classical method gets it$/);
    });
  });

  test('that requires: no classical method of its policy is offered', async () => {
    await withServer({ postQuantum: 'require' }, async (server) => {
      const { report: found } = await report(server.port);
      expect(found.methods.filter(({ family }) => family !== 'pq-hybrid')).toEqual([]);
      expect(found.insists).toBeNull();
    });
  });

  test('a classical policy is not quantum-safe: status 2', async () => {
    await withServer({ securityPolicy: 'TransferSecurityPolicy-2020-06' }, async (server) => {
      const { code, report: found } = await report(server.port);
      const pq = found.methods.filter(({ family }) => family === 'pq-hybrid');
      expect(pq).toEqual([]);
      expect(code).toBe(2);
      expect(found.verdict).toMatch(/^NOT quantum-safe/);
    });
  });

  test('with the default limit on connections of one source', async () => {
    await withServer({ limits: { connectionsPerSecondPerSource: 15 } }, async (server) => {
      const { report: found } = await report(server.port);
      expect(found.methods.filter(({ outcome }) => outcome !== 'works')).toEqual([]);
    });
  });
});

describe(missingPeer('sshd-10') ?? 'OpenSSH 10', () => {
  const sshd = findPeer('sshd-10');
  (sshd === null ? test.skip : test)('twice in a row, with the penalties that it has by default', async () => {
    if (sshd === null) return;
    const port = await freePort();
    const config = path.join(folder, 'sshd_config');
    const beside = (name: string): string => sshd.program(`../lib/openssh/${name}`)?.[0] ?? '';
    const keys = [identity.hostKeys.ed25519, identity.hostKeys['ecdsa-256'], identity.hostKeys['rsa-3072']];
    writeFileSync(
      config,
      [
        `Port ${port}`,
        'ListenAddress 127.0.0.1',
        ...keys.map((key) => `HostKey ${key.path}`),
        'PidFile none',
        'UsePAM no',
        `SshdSessionPath ${beside('sshd-session')}`,
        `SshdAuthPath ${beside('sshd-auth')}`,
        '',
      ].join('\n'),
    );
    // sshd wants its empty folder, which its package makes.
    if (!existsSync('/run/sshd')) mkdirSync('/run/sshd', { recursive: true });
    const server = new ServerProcess([...sshd.command, '-D', '-e', '-f', config]);
    try {
      await server.listening(port);
      const { code, report: found } = await report(port);
      expect(code).toBe(0);
      expect(found.version).toMatch(/^SSH-2\.0-OpenSSH_10\./);
      expect(working(found)).toEqual(
        expect.arrayContaining(['mlkem768x25519-sha256', 'sntrup761x25519-sha512', 'curve25519-sha256']),
      );
      expect(found.methods.filter(({ outcome }) => outcome === 'fails')).toEqual([]);
      expect([...new Set(found.hostKeys.map(({ fingerprint }) => fingerprint))].sort()).toEqual(
        keys.map(({ fingerprint }) => fingerprint).sort(),
      );
      expect(found.strictKex).toBe(true);
      // OpenSSH closes its door to who comes often without logging in: no method is blamed for that.
      const again = await probe(`127.0.0.1:${port}`, '--json');
      if (again.code === 1) expect(again.stderr).toContain('before its KEXINIT');
      else expect(JSON.parse(again.stdout)).not.toMatchObject({ methods: expect.arrayContaining([FAILED]) });
    } finally {
      await server.stop();
    }
  });
});

const FAILED: unknown = expect.objectContaining({ outcome: 'fails' });

describe(missingPeer('dropbear') ?? 'dropbear', () => {
  const peer = findPeer('dropbear');
  const dropbear = peer?.program('dropbear') ?? null;
  const keygen = peer?.program('dropbearkey') ?? null;
  (dropbear === null || keygen === null ? test.skip : test)('its methods and its key', async () => {
    if (dropbear === null || keygen === null) return;
    const port = await freePort();
    const hostKey = path.join(folder, 'dropbear_key');
    const { stdout } = await mustRun([...keygen, '-t', 'ed25519', '-f', hostKey]);
    const server = new ServerProcess([...dropbear, '-F', '-E', '-p', `127.0.0.1:${port}`, '-r', hostKey, '-P', '']);
    try {
      await server.listening(port);
      const { code, report: found } = await report(port);
      expect(code).toBe(0);
      expect(found.version).toMatch(/^SSH-2\.0-dropbear/);
      expect(working(found)).toEqual(
        expect.arrayContaining(['mlkem768x25519-sha256', 'sntrup761x25519-sha512', 'curve25519-sha256']),
      );
      expect(found.methods.filter(({ outcome }) => outcome !== 'works')).toEqual([]);
      expect(found.hostKeys).toHaveLength(1);
      expect(stdout).toContain(found.hostKeys[0]?.fingerprint);
    } finally {
      await server.stop();
    }
  });
});

describe('servers that behave badly', () => {
  async function against(
    onConnection: (socket: Socket, count: number) => void,
    check: (finished: Finished) => void,
    ...args: readonly string[]
  ): Promise<void> {
    const sockets = new Set<Socket>();
    let count = 0;
    const server: Server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      count += 1;
      onConnection(socket, count);
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    try {
      check(await probe(`127.0.0.1:${(server.address() as AddressInfo).port}`, ...args));
    } finally {
      for (const socket of sockets) socket.destroy();
      server.close();
    }
  }

  /** An unencrypted packet (RFC 4253 §6). */
  function packet(payload: Buffer): Buffer {
    const padding = 16 - ((payload.length + 5) % 8);
    const bytes = Buffer.alloc(5 + payload.length + padding);
    bytes.writeUInt32BE(1 + payload.length + padding, 0);
    bytes.writeUInt8(padding, 4);
    payload.copy(bytes, 5);
    return bytes;
  }

  const offer = (kex: readonly string[]): Buffer =>
    packet(encodeKexInit({ ...kexInitFor(MODERN, 'server', 'first'), kex }, Buffer.alloc(16)));

  const failsWith =
    (text: string | RegExp) =>
    ({ code, stdout, stderr, timedOut }: Finished): void => {
      expect({ code, stdout, timedOut }).toEqual({ code: 1, stdout: '', timedOut: false });
      expect(stderr).toMatch(/^latticeport: 127\.0\.0\.1 port \d+: [^\n]*\n$/);
      expect(stderr).toMatch(text);
    };

  test('none is there', async () => {
    failsWith('ECONNREFUSED')(await probe(`127.0.0.1:${await freePort()}`));
  });

  test('silent', async () => {
    await against(() => undefined, failsWith('no KEXINIT within 500 ms'), '--timeout', '0.5');
  });

  test('closes at once', async () => {
    await against((socket) => socket.end(), failsWith('closed the connection before its KEXINIT'));
  });

  test('speaks HTTP', async () => {
    await against((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'), failsWith(/connection|SSH/));
  });

  test('talks without end', async () => {
    await against((socket) => {
      const talk = (): void => {
        while (!socket.destroyed && socket.write('x'.repeat(1000) + '\r\n'));
        socket.once('drain', talk);
      };
      talk();
    }, failsWith('does not speak SSH'));
  });

  test('sends garbage after its version', async () => {
    await against((socket) => socket.write(`SSH-2.0-x\r\n${'\xff'.repeat(100)}`, 'latin1'), failsWith('packet length'));
  });

  test('puts escape codes into its lists: refused, not printed', async () => {
    await against((socket) => {
      socket.write('SSH-2.0-x\r\n');
      socket.write(offer(['curve25519-sha256', '\x1b]0;owned\x07']));
    }, failsWith('not printable US-ASCII'));
  });

  test('offers a post-quantum method and hangs in the exchange: broken, not safe', async () => {
    await against(
      (socket) => {
        socket.write('SSH-2.0-x\r\n');
        socket.write(offer(['mlkem768x25519-sha256', 'unheard-of']));
      },
      ({ code, stdout }) => {
        expect(code).toBe(2);
        expect(stdout).toMatch(/^mlkem768x25519-sha256 +post-quantum +FAILS: no key exchange within 500 ms$/m);
        expect(stdout).toMatch(/^unheard-of +unknown +not tried: unknown to this build$/m);
        expect(stdout).toMatch(/^NOT quantum-safe: .*offered but broken: mlkem768x25519-sha256$/m);
      },
      '--timeout',
      '0.5',
    );
  });

  test('takes one connection only: unknown, and no method is blamed', async () => {
    await against(
      (socket, count) => {
        if (count > 1) {
          socket.resetAndDestroy();
          return;
        }
        socket.write('SSH-2.0-x\r\n');
        socket.write(offer(['mlkem768x25519-sha256']));
      },
      ({ code, stdout }) => {
        expect(code).toBe(2);
        expect(stdout).toMatch(/^mlkem768x25519-sha256 +post-quantum +not tried: no more connections accepted$/m);
        expect(stdout).toMatch(/^unknown: /m);
      },
    );
  });

  test('repeats a method a thousand times: it is tried once', async () => {
    let connections = 0;
    await against(
      (socket, count) => {
        connections = count;
        socket.write('SSH-2.0-x\r\n');
        socket.write(offer(Array.from({ length: 500 }, () => 'curve25519-sha256')));
        if (count > 1) socket.end();
      },
      ({ stdout }) => {
        expect(stdout.match(/^curve25519-sha256 /gm)).toHaveLength(1);
      },
    );
    expect(connections).toBeLessThan(5);
  });
});

test.each(['', ':22', 'host:0', 'host:99999', 'a b:c', '[::1', 'host:port'])('%j is no target', async (target) => {
  const { code, stderr } = await probe(target);
  expect(code).toBe(1);
  expect(stderr).toContain('expected HOST, HOST:PORT or [IPv6]:PORT');
});
