import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { SessionReportBuilder, type SessionReport } from '../../src/policy/session-report.ts';
import { closed, login, negotiated } from './session-log.ts';

function reportOf(...lines: (object | string)[]): SessionReport {
  const builder = new SessionReportBuilder();
  for (const line of lines) builder.addLine(typeof line === 'string' ? line : JSON.stringify(line));
  return builder.report;
}

describe('SessionReportBuilder', () => {
  test('sums sessions by client version, user and method', () => {
    const report = reportOf(
      ...[negotiated('1', { clientVersion: 'SSH-2.0-OpenSSH_10' }), login('1', 'alice'), closed('1')],
      ...[negotiated('2', { clientVersion: 'SSH-2.0-OpenSSH_10' }), login('2', 'bob')],
      ...[negotiated('3', { clientVersion: 'SSH-2.0-old', classical: true }), login('3', 'bob')],
      ...[negotiated('4', { clientVersion: 'SSH-2.0-scanner', classical: true }), closed('4'), login('4', 'never')],
    );
    expect(report).toMatchObject({ total: { sessions: 4, pq: 2 }, withoutLogin: 1, unreadableLines: 0 });
    expect(report.byClientVersion).toEqual([
      { name: 'SSH-2.0-OpenSSH_10', sessions: 2, pq: 2 },
      { name: 'SSH-2.0-old', sessions: 1, pq: 0 },
      { name: 'SSH-2.0-scanner', sessions: 1, pq: 0 },
    ]);
    expect(report.byUser).toEqual([
      { name: 'bob', sessions: 2, pq: 1 },
      { name: 'alice', sessions: 1, pq: 1 },
    ]);
    expect(report.byMethod.map(({ name, sessions }) => [name, sessions])).toEqual([
      ['curve25519-sha256', 2],
      ['mlkem768x25519-sha256', 2],
    ]);
  });

  test('counts what is post-quantum since the server insisted; old logs say nothing of it', () => {
    const { kex, ...line } = negotiated('2', {}) as { kex: Record<string, unknown> };
    delete kex['insistedOver'];
    const report = reportOf(
      negotiated('1', { insistedOver: 'curve25519-sha256' }),
      { ...line, kex },
      negotiated('3', {}),
    );
    expect(report).toMatchObject({ total: { sessions: 3, pq: 3 }, insisted: 1, unreadableLines: 0 });
  });

  test('lists who would be cut off: users with clients that have no hybrid of ours, once each', () => {
    const report = reportOf(
      ...[negotiated('1', { classical: true, time: '2026-11-02T10:00:00.000Z' }), login('1', 'old')],
      ...[negotiated('2', { classical: true, time: '2026-11-01T10:00:00.000Z' }), login('2', 'old')],
      ...[negotiated('3', { classical: true, pqPossible: true, betterPqAvailable: true }), login('3', 'wrong order')],
      ...[negotiated('4', { classical: true, clientOfferedPq: true, clientVersion: 'oqs' }), login('4', 'exotic')],
      ...[negotiated('5', {}), login('5', 'fine')],
      negotiated('6', { classical: true }),
    );
    expect(report.betterPqAvailable).toBe(1);
    expect(report.cutOff).toEqual([
      {
        user: 'old',
        clientVersion: 'SSH-2.0-Test',
        sessions: 2,
        lastSeen: '2026-11-02T10:00:00.000Z',
        offersOtherPq: false,
      },
      { user: 'exotic', clientVersion: 'oqs', sessions: 1, lastSeen: null, offersOtherPq: true },
    ]);
  });

  test('leaves other lines alone and counts what it cannot read', () => {
    const report = reportOf(
      { event: 'server.listening' },
      '',
      '[12:00] INFO: pretty',
      '{"event":"session.negotiated","sessi',
      { event: 'session.negotiated', sessionId: '1' },
      { event: 'auth.success', sessionId: 'unknown', user: 'x' },
    );
    expect(report.unreadableLines).toBe(3);
    expect(report.total.sessions).toBe(0);
  });

  test('never throws, and never counts more logins than sessions', () => {
    const line = fc.oneof(
      fc.string(),
      fc.json(),
      fc.nat(3).map((id) => JSON.stringify(negotiated(String(id), {}))),
      fc.nat(3).map((id) => JSON.stringify(login(String(id), '__proto__'))),
      fc.nat(3).map((id) => JSON.stringify(closed(String(id)))),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 30 }), (lines) => {
        const { withoutLogin, total } = reportOf(...lines);
        expect(withoutLogin).toBeGreaterThanOrEqual(0);
        expect(withoutLogin).toBeLessThanOrEqual(total.sessions);
      }),
    );
  });
});
