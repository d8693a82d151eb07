// Mutations of a recorded session: whatever comes, the session answers or closes, throws nothing, leaves nothing open.
import { describe, expect, test } from '@jest/globals';
import { SSH_FX } from '../../src/sftp/protocol.ts';
import { SftpSession } from '../../src/sftp/session.ts';
import { MemoryStore } from '../../src/storage/memory/memory-store.ts';
import { READ_WRITE } from '../../src/vfs/permissions.ts';
import { UserView } from '../../src/vfs/user-view.ts';
import { cut, generator, mutate, SEED } from '../fuzz/mutation.ts';
import { recordSftp } from '../fuzz/sftp-recording.ts';
import { randomRuns, timeoutFor } from '../random-runs.ts';
import { storePath } from '../storage/store-path.ts';

const MUTATIONS = randomRuns(12_000);

describe(`mutated requests (FUZZ_SEED=${SEED})`, () => {
  test(
    `${MUTATIONS} of them end in answers or a closed session`,
    async () => {
      const packets = await recordSftp();
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
        const view = new UserView({
          directories: [{ entry: '/', store, path: storePath('') }],
          permissions: READ_WRITE,
        });
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
        for (const chunk of cut(Buffer.concat(mutate(packets, random, true)), random)) {
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
    },
    timeoutFor(MUTATIONS),
  );
});
