// In which order requests run and answers leave, and what holds the client back.
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { SSH_FX, SSH_FXF, SSH_FXP } from '../../src/sftp/protocol.ts';
import { ReadBudget } from '../../src/sftp/read-budget.ts';
import type { MemoryOperation } from '../../src/storage/memory/memory-store.ts';
import { SshReader } from '../../src/wire/reader.ts';
import { memoryView } from './memory-view.ts';
import { SftpTestClient } from './sftp-test-client.ts';
import { storePath } from '../storage/store-path.ts';

const { READ, WRITE, CREAT } = SSH_FXF;

/** A store that does one kind of operation only when it is told to, in any order. */
class Gate {
  readonly #held: { readonly path: string; readonly open: () => void }[] = [];
  readonly #operation: MemoryOperation;
  closed = true;

  constructor(operation: MemoryOperation) {
    this.#operation = operation;
  }

  readonly before = (operation: MemoryOperation, path: string): Promise<void> | undefined => {
    if (operation !== this.#operation || !this.closed) return undefined;
    return new Promise((open) => {
      this.#held.push({ path, open });
    });
  };

  get held(): number {
    return this.#held.length;
  }

  /** Lets the operation at `index` go on. */
  release(index = 0): void {
    this.#held.splice(index, 1)[0]?.open();
  }

  openForAll(): void {
    this.closed = false;
    for (const { open } of this.#held.splice(0)) open();
  }
}

/** Waits for a condition; the test's own time limit is the deadline. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate);
}

/** Everything that can happen without being let has happened. */
async function quiet(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
}

describe('order', () => {
  test('READs of one file run together; their answers leave in the order of the requests', async () => {
    const gate = new Gate('read');
    const { view } = memoryView({ before: gate.before });
    const client = await SftpTestClient.connect(view);
    await client.put('/a', Buffer.from('abcdef'));
    const handle = await client.open('/a', READ);
    const before = client.answerOrder.length;
    const reads = [0, 2, 4].map((offset) => client.read(handle, offset, 2));
    await until(() => gate.held === 3);
    gate.release(2);
    gate.release(1);
    await quiet();
    expect(client.answerOrder).toHaveLength(before);
    gate.release(0);
    expect((await Promise.all(reads)).map(String)).toEqual(['ab', 'cd', 'ef']);
    const order = client.answerOrder.slice(before);
    expect(order).toEqual([...order].sort((a, b) => a - b));
  });

  test('READs and WRITEs go on while a request in the lane waits', async () => {
    const gate = new Gate('rename');
    const { view, store } = memoryView({ before: gate.before });
    const client = await SftpTestClient.connect(view);
    await client.put('/a', Buffer.from('abc'));
    const reading = await client.open('/a', READ);
    const renaming = client.rename('/a', '/b');
    const making = client.mkdir('/later');
    const reads: string[] = [];
    void client.read(reading, 0, 3).then((data) => reads.push(String(data)));
    await quiet();
    // The lane is one by one: mkdir has not run. The READ has run; its answer waits for that of RENAME.
    await expect(store.stat(storePath('later'), { followSymlinks: true })).rejects.toMatchObject({ code: 'not-found' });
    expect(reads).toEqual([]);
    expect(client.session.requestsInFlight).toBe(3);
    gate.openForAll();
    await Promise.all([renaming, making]);
    await until(() => reads.length === 1);
    expect(reads).toEqual(['abc']);
  });

  test('requests that only look run together; what changes something waits for them, and they for it', async () => {
    const gate = new Gate('stat');
    const { view, store } = memoryView({ before: gate.before });
    const client = await SftpTestClient.connect(view);
    await client.put('/a', Buffer.from('abc'));
    const looks = [client.stat('/a'), client.lstat('/a'), client.stat('/a')];
    const removing = client.remove('/a');
    const after = client.stat('/a').catch((error: unknown) => error);
    await until(() => gate.held === 3);
    await quiet();
    expect(gate.held).toBe(3);
    gate.openForAll();
    await removing;
    expect((await Promise.all(looks)).map(({ size }) => size)).toEqual([3, 3, 3]);
    expect(await after).toMatchObject({ code: SSH_FX.NO_SUCH_FILE });
    expect(store.openHandles).toBe(0);
  });

  test('files that are opened together do not pass the limit together', async () => {
    const gate = new Gate('openRead');
    const { view } = memoryView({ before: gate.before });
    const client = await SftpTestClient.connect(view, { limits: { openHandles: 2 } });
    await client.put('/a', Buffer.from('abc'));
    const opens = Array.from({ length: 4 }, () => client.open('/a', READ).catch(() => 'refused'));
    await until(() => gate.held === 2);
    gate.openForAll();
    expect((await Promise.all(opens)).filter((handle) => handle === 'refused')).toHaveLength(2);
    expect(client.session.openHandles).toBe(2);
  });

  test('CLOSE waits for the WRITEs before it, whatever their order of completion', async () => {
    const gate = new Gate('write');
    const { view, store } = memoryView({ before: gate.before });
    const client = await SftpTestClient.connect(view);
    const handle = await client.open('/a', WRITE | CREAT);
    const writes = ['abc', 'def', 'ghi'].map((text, index) => client.write(handle, index * 3, text));
    const closing = client.close(handle);
    const listing = client.stat('/a');
    await quiet();
    await expect(store.stat(storePath('a'), { followSymlinks: true })).rejects.toMatchObject({ code: 'not-found' });
    gate.openForAll();
    await Promise.all([...writes, closing]);
    expect(await listing).toMatchObject({ size: 9 });
  });

  test('STAT by path sees the file that the session writes, though CLOSE has come before its turn', async () => {
    const gate = new Gate('mkdir');
    const { view } = memoryView({ before: gate.before });
    const client = await SftpTestClient.connect(view);
    const handle = await client.open('/a', WRITE | CREAT);
    await client.write(handle, 0, 'abcde');
    const before = client.mkdir('/b');
    const looking = client.stat('/a').catch((error: unknown) => error);
    const closing = client.close(handle);
    await until(() => gate.held === 1);
    await quiet();
    gate.openForAll();
    await Promise.all([before, closing]);
    expect(await looking).toMatchObject({ size: 5 });
  });

  test('a WRITE does not overtake STAT and SETSTAT that name its file by its path', async () => {
    const gate = new Gate('mkdir');
    const { view, store } = memoryView({ before: gate.before });
    const client = await SftpTestClient.connect(view);
    const handle = await client.open('/a', WRITE | CREAT);
    await client.write(handle, 0, 'abcde');
    const before = client.mkdir('/b');
    const looking = client.stat('/a');
    const cutting = client.setstat('/a', { size: 0 });
    const writing = client.write(handle, 0, 'xy');
    await until(() => gate.held === 1);
    await quiet();
    gate.openForAll();
    await Promise.all([before, cutting, writing, client.close(handle)]);
    expect(await looking).toMatchObject({ size: 5 });
    expect(await store.stat(storePath('a'), { followSymlinks: true })).toMatchObject({ attributes: { size: 2 } });
  });

  test('on one handle READ sees the WRITEs before it, and WRITE waits for the READs before it', async () => {
    const { view } = memoryView();
    const client = await SftpTestClient.connect(view);
    const handle = await client.open('/a', READ | WRITE | CREAT);
    const first = client.write(handle, 0, 'aaaa');
    const read = client.read(handle, 0, 4);
    const second = client.write(handle, 0, 'bbbb');
    const size = client.fsetstat(handle, { size: 2 });
    const third = client.write(handle, 2, 'cc');
    const last = client.read(handle, 0, 10);
    await Promise.all([first, second, size, third]);
    expect(String(await read)).toBe('aaaa');
    expect(String(await last)).toBe('bbcc');
  });

  test('an error answered at once keeps its place in the line', async () => {
    const gate = new Gate('read');
    const { view } = memoryView({ before: gate.before });
    const client = await SftpTestClient.connect(view);
    await client.put('/a', Buffer.from('abc'));
    const handle = await client.open('/a', READ);
    const before = client.answerOrder.length;
    const read = client.read(handle, 0, 3);
    const unknown = client.request(99, () => undefined);
    await quiet();
    expect(client.answerOrder).toHaveLength(before);
    gate.openForAll();
    await Promise.all([read, unknown]);
    const order = client.answerOrder.slice(before);
    expect(order).toEqual([...order].sort((a, b) => a - b));
  });
});

describe('back-pressure', () => {
  test('the bytes of a WRITE are given back only when the store has taken them', async () => {
    const gate = new Gate('write');
    const { view } = memoryView({ before: gate.before });
    const client = await SftpTestClient.connect(view);
    const handle = await client.open('/a', WRITE | CREAT);
    expect(client.consumedBytes).toBe(client.sentBytes);
    const sentBefore = client.sentBytes;
    const writes = Array.from({ length: 4 }, (_, index) => client.write(handle, index * 1000, Buffer.alloc(1000)));
    await quiet();
    expect(client.consumedBytes).toBe(sentBefore);
    gate.release();
    await until(() => client.consumedBytes > sentBefore);
    expect(client.consumedBytes - sentBefore).toBe((client.sentBytes - sentBefore) / 4);
    gate.openForAll();
    await Promise.all(writes);
    expect(client.consumedBytes).toBe(client.sentBytes);
  });

  test('WRITEs in flight are bounded by bytes: the rest waits uncut, and uncredited', async () => {
    const gate = new Gate('write');
    const { view } = memoryView({ before: gate.before });
    const client = await SftpTestClient.connect(view, {
      limits: { writeBytesInFlight: 128 * 1024, requestsInFlight: 1000 },
    });
    const handle = await client.open('/a', WRITE | CREAT);
    const data = randomBytes(1024 * 1024);
    const writes: Promise<void>[] = [];
    for (let offset = 0; offset < data.length; offset += 32_768) {
      writes.push(client.write(handle, offset, data.subarray(offset, offset + 32_768)));
    }
    await quiet();
    // The memory store takes WRITEs one after the other; what counts is how many the session has taken up.
    expect(client.session.requestsInFlight).toBe(4);
    gate.openForAll();
    await Promise.all(writes);
    await client.close(handle);
    expect((await client.get('/a')).equals(data)).toBe(true);
    expect(client.consumedBytes).toBe(client.sentBytes);
  });

  test('READs in flight are bounded by bytes and by number', async () => {
    const gate = new Gate('read');
    const { view } = memoryView({ before: gate.before });
    const byBytes = await SftpTestClient.connect(view, { limits: { readBytesInFlight: 64 * 1024 } });
    await byBytes.put('/a', Buffer.alloc(1_000_000, 1));
    const handle = await byBytes.open('/a', READ);
    const reads = Array.from({ length: 30 }, (_, index) => byBytes.read(handle, index * 32_768, 32_768));
    await quiet();
    expect(gate.held).toBe(2);

    const byNumber = await SftpTestClient.connect(view, { limits: { requestsInFlight: 5 } });
    const other = await byNumber.open('/a', READ);
    const more = Array.from({ length: 30 }, (_, index) => byNumber.read(other, index, 1));
    await quiet();
    expect(gate.held).toBe(7);
    gate.openForAll();
    await Promise.all([...reads, ...more]);
  });

  test('sessions of one connection share the memory for answers; one that does not read does not stop the others', async () => {
    const { view } = memoryView();
    const readBudget = new ReadBudget(64 * 1024);
    const stuck = await SftpTestClient.connect(view, { readBudget });
    await stuck.put('/a', Buffer.alloc(1_000_000, 1));
    const other = await SftpTestClient.connect(view, { readBudget });
    const handles = [await stuck.open('/a', READ), await other.open('/a', READ)] as const;
    const readAll = (client: SftpTestClient, handle: Buffer): Promise<unknown>[] =>
      Array.from({ length: 20 }, (_, index) => client.read(handle, index * 32_768, 32_768));
    stuck.writable = false;
    const before = stuck.answerOrder.length;
    for (const read of readAll(stuck, handles[0])) void read;
    await quiet();
    // Two fill the budget; what the stream has of them and has not sent still counts.
    expect(stuck.answerOrder.length - before).toBe(2);
    other.writable = false;
    const others = readAll(other, handles[1]);
    await quiet();
    expect(other.session.requestsInFlight).toBe(0);
    expect(readBudget.hasRoom).toBe(false);
    // One at a time gets on all the same.
    other.writable = true;
    other.session.drained();
    await Promise.all(others);
    // And what the one that goes held is there for the others.
    await stuck.session.abort('gone');
    expect(readBudget.hasRoom).toBe(true);
  });

  test('READDIR counts with READ', async () => {
    const gate = new Gate('list');
    const { view } = memoryView({ before: gate.before });
    const readBudget = new ReadBudget(64 * 1024);
    const client = await SftpTestClient.connect(view, { readBudget });
    const opened = client.request(SSH_FXP.OPENDIR, (writer) => writer.string('/'));
    gate.openForAll();
    const handle = new SshReader((await opened).body).string();
    client.writable = false;
    for (let i = 0; i < 10; i += 1) void client.request(SSH_FXP.READDIR, (writer) => writer.string(handle));
    await quiet();
    expect(readBudget.hasRoom).toBe(false);
    expect(client.session.requestsInFlight).toBe(0);
  });

  test('a client that does not take its answers gets no further READ started', async () => {
    const { view } = memoryView();
    const client = await SftpTestClient.connect(view, { limits: { requestsInFlight: 10 } });
    await client.put('/a', Buffer.alloc(1_000_000, 1));
    const handle = await client.open('/a', READ);
    client.writable = false;
    const before = client.answerOrder.length;
    const reads = Array.from({ length: 50 }, (_, index) => client.read(handle, index * 1000, 1000));
    await quiet();
    // Those that were under way are answered.
    expect(client.answerOrder.length).toBeLessThanOrEqual(before + 10);
    const uncredited = client.sentBytes - client.consumedBytes;
    expect(uncredited).toBeGreaterThan(0);
    client.writable = true;
    client.session.drained();
    await Promise.all(reads);
    expect(client.consumedBytes).toBe(client.sentBytes);
  });

  test('a client whose pipe is full at EOF is answered when it drains, and then closed', async () => {
    const { view } = memoryView();
    const client = await SftpTestClient.connect(view);
    client.writable = false;
    const paths = Array.from({ length: 10 }, () => client.realpath('.'));
    client.session.end();
    await quiet();
    expect(client.exitStatus).toBeUndefined();
    client.writable = true;
    client.session.drained();
    expect(await Promise.all(paths)).toEqual(Array<string>(10).fill('/'));
    await client.closed();
    expect(client.exitStatus).toBe(0);
  });

  test('10,000 requests that are sent at once are all answered, in order', async () => {
    const { view } = memoryView();
    const client = await SftpTestClient.connect(view);
    await client.put('/a', Buffer.from('abc'));
    const handle = await client.open('/a', READ);
    const before = client.answerOrder.length;
    await Promise.all(
      Array.from({ length: 10_000 }, (_, index) =>
        index % 3 === 0 ? client.read(handle, 0, 3) : index % 3 === 1 ? client.realpath('x') : client.stat('/a'),
      ),
    );
    const order = client.answerOrder.slice(before);
    expect(order).toHaveLength(10_000);
    expect(order).toEqual([...order].sort((a, b) => a - b));
  });
});
