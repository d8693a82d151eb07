import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parseKexInit, type CapturedKexInit } from '../../scripts/parse-kexinit.ts';
import type { NegotiatedList } from '../../src/negotiation/negotiate.ts';
import { explainUnder } from '../../src/policy/explain-negotiation.ts';
import { listsUnder, type PostQuantumSetting } from '../../src/policy/post-quantum-setting.ts';
import type { SessionKex } from '../../src/policy/session-kex.ts';
import { runProgram } from '../peers/process.ts';
import { startTestServer, type LogLine, type TestServer } from '../server/test-server.ts';
import { builtIn } from './policy-files.ts';
import { captureOffer, commandFor, REAL_CLIENTS, type RealClient } from './real-clients.ts';

/**
 * Every policy on the wire: what the server sends in its KEXINIT, read independently, and what each client at hand
 * negotiates with it, compared with what `policy explain` predicts.
 */

const DEFAULT_POLICY = 'TransferPQSecurityPolicy-2026-11';
const SERVERS: readonly (readonly [policy: string, postQuantum: PostQuantumSetting])[] = [
  ...builtIn.all.map(({ name }) => [name, 'offer'] as const),
  [DEFAULT_POLICY, 'insist'],
  [DEFAULT_POLICY, 'require'],
];
const CLIENTS = REAL_CLIENTS.filter(({ command }) => command !== null);

/** The server's KEXINIT to a client that offers nothing yet. */
async function serverKexInit(port: number): Promise<CapturedKexInit> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    socket.write('SSH-2.0-Test\r\n');
    let received = Buffer.alloc(0);
    for await (const chunk of socket) {
      received = Buffer.concat([received, chunk as Buffer]);
      const kexInit = parseKexInit(received);
      if (kexInit !== null) return kexInit;
    }
    throw new Error('the server closed the connection before its KEXINIT');
  } finally {
    socket.destroy();
  }
}

async function until<T>(look: () => T | undefined): Promise<T> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error('the condition did not come true in time');
    await delay(10);
  }
}

/**
 * Runs all clients at once to their ends (they cannot log in) and returns the log lines of their sessions, by version
 * string: no two clients have the same. Of a client that made no connection there are none.
 */
async function sessionsOf(server: TestServer, clients: readonly RealClient[]): Promise<Map<string, LogLine[]>> {
  const fingerprints = server.running.prepared.hostKeys.map(({ publicKey }) => publicKey.fingerprint);
  await Promise.all(
    clients.map((client) => runProgram(commandFor(client, server.port, fingerprints), { timeoutMs: 40_000 })),
  );
  // Connections are accepted in their order: when this one is answered, whatever the clients opened is in the log.
  await serverKexInit(server.port);
  const opened = server.log.filter(({ event }) => event === 'session.opened').length;
  const closed = await until(() => {
    const lines = server.log.filter(({ event }) => event === 'session.closed');
    return lines.length < opened ? undefined : lines;
  });
  return new Map(
    closed.map(({ clientVersion, sessionId }) => [
      String(clientVersion),
      server.log.filter((line) => line['sessionId'] === sessionId),
    ]),
  );
}

/** What the session's log says was negotiated, or which list had no match. */
function outcomeInLog(lines: readonly LogLine[]): unknown {
  const negotiated = lines.find(({ event }) => event === 'session.negotiated');
  if (negotiated === undefined) {
    const closed = lines.find(({ event }) => event === 'session.closed');
    // The client has seen our lists, too: it may hang up (10: connection lost) before ours can say which has no match.
    return closed?.['reason'] === 10 ? 'refused' : { refused: closed?.['list'], reason: closed?.['reason'] };
  }
  const kex = negotiated['kex'] as SessionKex;
  return {
    kex: kex.method,
    hostKey: kex.hostKey,
    ciphers: [kex.cipher.clientToServer, kex.cipher.serverToClient],
    macs: [kex.mac.clientToServer, kex.mac.serverToClient],
    strictKex: kex.strictKex,
    family: kex.family,
  };
}

function predictedOutcome(policyName: string, setting: PostQuantumSetting, offer: CapturedKexInit): unknown {
  const { algorithms } = builtIn.require(policyName, 'test', '$');
  const { outcome, steps, strictKex, pq } = explainUnder(setting, algorithms, offer);
  if (outcome === 'refused') return { refused: steps.at(-1)?.list, reason: 3 };
  const chosen = (list: NegotiatedList) => steps.find((step) => step.list === list)?.chosen;
  return {
    kex: chosen('kex'),
    hostKey: chosen('hostKeys'),
    ciphers: [chosen('ciphersClientToServer'), chosen('ciphersServerToClient')],
    macs: [chosen('macsClientToServer'), chosen('macsServerToClient')],
    strictKex,
    family: pq.result,
  };
}

/** By preset what a client offers, or why it does not: then its own tests fail, and it is not waited for again. */
const offers = new Map<string, CapturedKexInit | Error>();
const offerOf = ({ preset }: RealClient): CapturedKexInit => {
  const offer = offers.get(preset);
  if (offer === undefined || offer instanceof Error) throw offer ?? new Error(`${preset} was not asked`);
  return offer;
};
beforeAll(async () => {
  for (const client of CLIENTS) {
    offers.set(client.preset, await captureOffer(client).catch((error: unknown) => new Error(String(error))));
  }
}, 120_000);

describe.each(SERVERS)('%s, "postQuantum": "%s"', (policyName, postQuantum) => {
  let server: TestServer;
  let sessions: Map<string, LogLine[]>;
  beforeAll(async () => {
    server = await startTestServer({ securityPolicy: policyName, postQuantum }, ['mldsa44-ed25519']);
    const connecting = CLIENTS.filter(({ preset }) => !(offers.get(preset) instanceof Error));
    sessions = await sessionsOf(server, connecting);
  }, 90_000);
  afterAll(async () => {
    await server.stop();
  });

  test('the KEXINIT on the wire is the policy, list by list, in order', async () => {
    const { algorithms } = builtIn.require(policyName, 'test', '$');
    const { version, kex, ...others } = await serverKexInit(server.port);
    expect(version).toMatch(/^SSH-2\.0-Latticeport_/);
    // The one name that is a signal and no method (OpenSSH PROTOCOL §1.10).
    expect(kex).toEqual([...listsUnder(postQuantum, algorithms).kex, 'kex-strict-s-v00@openssh.com']);
    expect(others).toEqual({
      // The test server has a key of every type.
      hostKeys: algorithms.hostKeys,
      ciphersClientToServer: algorithms.ciphers,
      ciphersServerToClient: algorithms.ciphers,
      macsClientToServer: algorithms.macs,
      macsServerToClient: algorithms.macs,
      compressionClientToServer: ['none'],
      compressionServerToClient: ['none'],
      firstKexPacketFollows: false,
    });
  });

  for (const client of REAL_CLIENTS) {
    const t = client.command === null ? test.skip : test;
    t(`negotiates with ${client.preset} (${client.missing ?? client.version ?? ''}) what explain predicts`, () => {
      const offer = offerOf(client);
      const lines = sessions.get(offer.version);
      if (lines === undefined) throw new Error(`${client.preset} made no session`);
      const outcome = outcomeInLog(lines);
      const predicted = predictedOutcome(policyName, postQuantum, offer);
      if (outcome === 'refused') expect(predicted).toMatchObject({ reason: 3 });
      else expect(outcome).toEqual(predicted);
    });
  }
});
