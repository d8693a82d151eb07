import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { generatePrivateKey } from '../../src/crypto/keys/private-key.ts';
import { findPeer, missingPeer } from '../peers/peers.ts';
import { runProgram } from '../peers/process.ts';
import { startTestServer, type TestServer } from '../server/test-server.ts';
import { policyDirectory } from './policy-files.ts';

const sshAudit = findPeer('ssh-audit');
const t = sshAudit === null ? test.skip : test;

interface Verdict {
  readonly algorithm?: string;
  readonly notes?: { readonly fail?: readonly string[]; readonly warn?: readonly string[] };
}

interface AuditReport {
  readonly banner: { readonly software: string };
  readonly kex: readonly Verdict[];
  readonly key: readonly Verdict[];
  readonly enc: readonly Verdict[];
  readonly mac: readonly Verdict[];
  readonly cves: readonly unknown[];
  readonly additional_notes: readonly string[];
}

const NO_PQ = 'does not provide protection against post-quantum attacks';

describe.each([
  ['TransferPQSecurityPolicy-Audit-2026-11', 'mlkem768x25519-sha256', []],
  // What it lacks is what it says of itself; everything else passes.
  ['TransferSecurityPolicy-SshAuditCompliant-2025-02', 'diffie-hellman-group-exchange-sha256', [NO_PQ]],
])(`ssh-audit ${sshAudit?.version ?? `(${missingPeer('ssh-audit') ?? ''})`} on %s`, (securityPolicy, method, meant) => {
  let server: TestServer;
  beforeAll(async () => {
    const directory = policyDirectory();
    const hostKeys = (['ed25519', 'rsa'] as const).map((type) => {
      const file = join(directory, type);
      writeFileSync(file, generatePrivateKey(type, type === 'rsa' ? 3072 : undefined, 'host').privateKey, {
        mode: 0o600,
      });
      return file;
    });
    server = await startTestServer({
      securityPolicy,
      hostKeys,
      // As an operator runs it: ssh-audit measures how fast connections are taken.
      limits: { connectionsPerSecondPerSource: 15 },
    });
  });
  afterAll(async () => {
    await server.stop();
  });

  t(
    'no fail, no warn, the connection-rate test included',
    async () => {
      const args = ['--json', '--port', String(server.port), '127.0.0.1'];
      const { stdout, stderr } = await runProgram([...(sshAudit?.command ?? []), ...args], { timeoutMs: 120_000 });
      expect(stderr).toBe('');
      const report = JSON.parse(stdout) as AuditReport;
      expect(report.banner.software).toMatch(/^Latticeport_/);
      const complaints = [report.kex, report.key, report.enc, report.mac]
        .flat()
        .flatMap(({ algorithm, notes }) =>
          [...(notes?.fail ?? []), ...(notes?.warn ?? [])].map((note) => ({ algorithm, note })),
        )
        .filter(({ note }) => !meant.some((known) => note.includes(known)));
      expect(complaints).toEqual([]);
      expect(report.cves).toEqual([]);
      expect(report.additional_notes).toEqual([]);
      expect(report.kex.map(({ algorithm }) => algorithm)).toContain(method);
    },
    150_000,
  );
});
