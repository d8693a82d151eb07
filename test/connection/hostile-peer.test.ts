// Whatever a peer sends: it is taken, or it ends the connection with an error that says so; and nothing stays behind.
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import * as messages from '../../src/connection/messages.ts';
import { ReceiveWindows } from '../../src/connection/receive-windows.ts';
import { SshDisconnect } from '../../src/transport/disconnect.ts';
import { WireError } from '../../src/wire/wire-error.ts';
import { randomRuns, timeoutFor } from '../random-runs.ts';
import { FakePeer } from './fake-peer.ts';

const RUNS = randomRuns(500);

const channel = fc.integer({ min: 0, max: 4 });
const amount = fc.oneof(fc.integer({ min: 0, max: 300_000 }), fc.constantFrom(0x7fff_ffff, 0xffff_ffff));
const step = fc.oneof(
  fc.record({ kind: fc.constant('open' as const), window: amount, maximumPacketSize: amount }),
  fc.record({ kind: fc.constant('subsystem' as const), channel, name: fc.constantFrom('sftp', 'sftp', 'netconf') }),
  fc.record({ kind: fc.constantFrom('shell' as const, 'eof' as const, 'close' as const), channel }),
  fc.record({ kind: fc.constantFrom('data' as const, 'extended' as const, 'adjust' as const), channel, amount }),
  fc.record({ kind: fc.constantFrom('program writes' as const, 'program consumes' as const), channel, amount }),
  fc.record({ kind: fc.constant('program closes' as const), channel }),
  fc.record({ kind: fc.constantFrom('full' as const, 'drained' as const) }),
  fc.record({ kind: fc.constant('bytes' as const), bytes: fc.uint8Array({ minLength: 1, maxLength: 40 }) }),
);

function play(peer: FakePeer, move: typeof step extends fc.Arbitrary<infer T> ? T : never): void {
  const program = 'channel' in move ? peer.programs[move.channel] : undefined;
  const bytes = (most: number): Buffer => Buffer.alloc('amount' in move ? Math.min(move.amount, most) : 0);
  switch (move.kind) {
    case 'open':
      peer.ask({ initialWindowSize: move.window, maximumPacketSize: move.maximumPacketSize });
      return;
    case 'subsystem':
      peer.request(move.channel, 'subsystem', messages.encodeSubsystemData(move.name));
      return;
    case 'shell':
      peer.request(move.channel, 'shell');
      return;
    case 'eof':
      peer.eof(move.channel);
      return;
    case 'close':
      peer.close(move.channel);
      return;
    case 'data':
      peer.data(move.channel, bytes(300_000));
      return;
    case 'extended':
      peer.extendedData(move.channel, bytes(300_000));
      return;
    case 'adjust':
      peer.adjust(move.channel, move.amount);
      return;
    case 'program writes':
      program?.channel.write([bytes(100_000)]);
      return;
    case 'program consumes': {
      // No more than it holds: that is its duty.
      const held = program?.data.reduce((sum, { length }) => sum + length, 0) ?? 0;
      program?.data.splice(0);
      program?.channel.consume(held);
      return;
    }
    case 'program closes':
      program?.channel.close(0);
      return;
    case 'full':
      peer.writable = false;
      return;
    case 'drained':
      peer.writable = true;
      peer.connection.drained();
      return;
    case 'bytes':
      peer.receive(Buffer.from(move.bytes));
  }
}

test(
  'no order of messages leaves a window granted, a program untold, or an error without a name',
  () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (moves) => {
        const windows = new ReceiveWindows(1_000_000);
        const peer = new FakePeer({ windows });
        try {
          for (const move of moves) play(peer, move);
        } catch (error) {
          if (!(error instanceof WireError || error instanceof SshDisconnect)) throw error;
        }
        peer.connection.lost();
        expect(windows.grantedBytes).toBe(0);
        expect(windows.heldBytes).toBe(0);
        for (const { told } of peer.programs) {
          expect(told.filter((what) => what === 'close')).toHaveLength(1);
          expect(told.at(-1)).toBe('close');
        }
        // At most one CLOSE for each channel.
        const closes = peer.take().filter(([number]) => number === messages.SSH_MSG_CONNECTION.CHANNEL_CLOSE);
        expect(closes.length).toBeLessThanOrEqual(moves.filter(({ kind }) => kind === 'open').length);
      }),
      { numRuns: RUNS },
    );
  },
  timeoutFor(RUNS),
);
