// Mutations of a recorded session: whatever comes, the session answers or closes, throws nothing, leaves nothing open.
import { describe, expect, test } from '@jest/globals';
import { SSH_FX, SSH_FXF, SSH_FXP } from '../../src/sftp/protocol.ts';
import { SftpSession } from '../../src/sftp/session.ts';
import { MemoryStore } from '../../src/storage/memory/memory-store.ts';
import { READ_WRITE } from '../../src/vfs/permissions.ts';
import { UserView } from '../../src/vfs/user-view.ts';
import { memoryView } from './memory-view.ts';
import { attributesBytes, SftpTestClient } from './sftp-test-client.ts';

const MUTATIONS = 12_000;
const SEED = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 32));

/** mulberry32: a small generator that begins anywhere, so that one failing run can be had again. */
function generator(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** What a busy client sends: every request at least once. Handles count from 1, so that a replay finds them. */
async function record(): Promise<Buffer[]> {
  const client = await SftpTestClient.connect(memoryView().view);
  await client.mkdir('/dir', { mode: 0o755 });
  await client.put('/dir/file', Buffer.from('some content'.repeat(100)), 100);
  await client.get('/dir/file', 64);
  const handle = await client.open('/dir/both', SSH_FXF.READ | SSH_FXF.WRITE | SSH_FXF.CREAT, { size: 3, mtime: 1 });
  const source = await client.open('/dir/file', SSH_FXF.READ);
  await client.write(handle, 10, 'hole before');
  await client.fsetstat(handle, { size: 4, mode: 0o600 });
  await client.fstat(handle);
  await client.extended('fsync@openssh.com', (w) => w.string(handle));
  await client.extended('fstatvfs@openssh.com', (w) => w.string(handle));
  await client.extended('copy-data', (w) => w.string(source).uint64(0).uint64(50).string(handle).uint64(4));
  await client.close(handle);
  await client.close(source);
  await client.list('/dir');
  await client.setstat('/dir/file', { size: 5, uid: 1, gid: 2, mode: 0o640, mtime: 5 });
  await client.lstat('/dir/file');
  await client.stat('/dir/file');
  await client.realpath('dir/../dir');
  await client.rename('/dir/file', '/dir/other');
  await client.posixRename('/dir/other', '/dir/both');
  await client.request(SSH_FXP.READLINK, (w) => w.string('/dir/both'));
  await client.request(SSH_FXP.SYMLINK, (w) => w.string('/dir/both').string('/link'));
  await client.extended('hardlink@openssh.com', (w) => w.string('/dir/both').string('/link'));
  await client.extended('lsetstat@openssh.com', (w) => w.string('/dir/both').bytes(attributesBytes({ mtime: 7 })));
  await client.extended('statvfs@openssh.com', (w) => w.string('/'));
  await client.extended('limits@openssh.com', () => undefined);
  await client.extended('expand-path@openssh.com', (w) => w.string('~/x'));
  await client.extended('home-directory', (w) => w.string(''));
  await client.extended('users-groups-by-id@openssh.com', (w) => w.string('').string(Buffer.alloc(8)));
  await client.remove('/dir/both');
  await client.rmdir('/dir');
  await client.end();
  return client.recorded;
}

const INTERESTING = [0, 1, 4, 0x7f, 0xff, 0x100, 0xffff, 0x10000, 0x40000, 0x7fffffff, 0x80000000, 0xffffffff] as const;

function mutate(packets: readonly Buffer[], random: (below: number) => number): Buffer[] {
  const chosen = packets.map((packet) => Buffer.from(packet));
  const times = 1 + random(4);
  for (let time = 0; time < times; time += 1) {
    const index = random(chosen.length);
    const packet = chosen[index];
    if (packet === undefined || packet.length === 0) continue;
    const place = random(packet.length);
    switch (random(9)) {
      case 0:
        packet[place] = (packet[place] ?? 0) ^ (1 << random(8));
        break;
      case 1:
        packet[place] = random(256);
        break;
      case 2:
        if (packet.length >= 4) {
          packet.writeUInt32BE(INTERESTING[random(INTERESTING.length)] ?? 0, random(packet.length - 3));
        }
        break;
      case 3:
        chosen[index] = packet.subarray(0, place);
        break;
      case 4:
        chosen.splice(index, 1);
        break;
      case 5:
        chosen.splice(random(chosen.length + 1), 0, Buffer.from(packet));
        break;
      case 6: {
        // A packet of the right length with a piece taken out of its middle.
        const shorter = Buffer.concat([packet.subarray(0, place), packet.subarray(place + 1 + random(8))]);
        if (shorter.length >= 4) shorter.writeUInt32BE(shorter.length - 4);
        chosen[index] = shorter;
        break;
      }
      case 7: {
        const longer = Buffer.concat([packet, Buffer.alloc(1 + random(64), random(256))]);
        longer.writeUInt32BE(longer.length - 4);
        chosen[index] = longer;
        break;
      }
      default: {
        const other = random(chosen.length);
        chosen[index] = chosen[other] ?? packet;
        chosen[other] = packet;
      }
    }
  }
  return chosen;
}

/** Cuts the bytes where packets do not end. */
function cut(bytes: Buffer, random: (below: number) => number): Buffer[] {
  const chunks: Buffer[] = [];
  let start = 0;
  while (start < bytes.length) {
    const end = Math.min(bytes.length, start + 1 + random(random(4) === 0 ? 8 : 4000));
    chunks.push(bytes.subarray(start, end));
    start = end;
  }
  return chunks;
}

describe(`mutated requests (FUZZ_SEED=${SEED})`, () => {
  test(`${MUTATIONS} of them end in answers or a closed session`, async () => {
    const packets = await record();
    const random = generator(SEED);
    const rejections: unknown[] = [];
    const onRejection = (reason: unknown): void => {
      rejections.push(reason);
    };
    process.on('unhandledRejection', onRejection);
    let protocolErrors = 0;
    let answered = 0;
    let succeeded = 0;
    for (let run = 0; run < MUTATIONS; run += 1) {
      const store = new MemoryStore();
      const view = new UserView({ directories: [{ entry: '/', store, path: '' }], permissions: READ_WRITE });
      const internal: unknown[] = [];
      let consumed = 0;
      let sent = 0;
      let exitStatus: number | undefined;
      let close: () => void = () => undefined;
      const closed = new Promise<void>((resolve) => {
        close = resolve;
      });
      const session = new SftpSession(
        {
          write: (chunks) => {
            answered += chunks.length;
            return true;
          },
          consumed: (bytes) => {
            consumed += bytes;
          },
          close: (status) => {
            exitStatus = status;
            close();
          },
        },
        view,
        {
          limits: { requestsInFlight: 1 + random(64), openHandles: 1 + random(8) },
          observer: {
            internalError: (request, error) => internal.push([request, error]),
            answered: (_request, status) => {
              if (status === SSH_FX.OK) succeeded += 1;
            },
          },
        },
      );
      const patient = random(4) !== 0;
      for (const chunk of cut(Buffer.concat(mutate(packets, random)), random)) {
        sent += chunk.length;
        session.receive(chunk);
        // A handle is only found by those who wait for it.
        for (let turn = 0; patient && turn < 100 && session.requestsInFlight > 0; turn += 1) await Promise.resolve();
      }
      if (random(10) === 0) void session.abort('gone').then(close);
      else session.end();
      const context = `run ${run} of FUZZ_SEED=${SEED}`;
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => {
          reject(new Error(`hangs: ${context}`));
        }, 10_000);
      });
      await Promise.race([closed, late]);
      clearTimeout(timer);
      if (exitStatus === 1) protocolErrors += 1;
      if (internal.length > 0) throw new Error(`internal error in ${context}: ${String(internal[0])}`);
      if (consumed > sent) throw new Error(`more consumed than sent in ${context}`);
      if (store.openHandles !== 0) throw new Error(`${store.openHandles} handles left open in ${context}`);
    }
    process.off('unhandledRejection', onRejection);
    expect(rejections).toEqual([]);
    // The mutations must reach both ends: past the framing, and against it.
    expect(protocolErrors).toBeGreaterThan(MUTATIONS / 100);
    expect(answered).toBeGreaterThan(MUTATIONS * 10);
    expect(succeeded).toBeGreaterThan(MUTATIONS * 10);
  }, 300_000);
});
