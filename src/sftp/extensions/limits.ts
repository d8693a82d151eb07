// limits@openssh.com "1" (OpenSSH PROTOCOL §4.8): what the client may send and ask for at once. OpenSSH's client goes from
// 32 KiB to 255 KiB a request with it.
//
//   byte SSH_FXP_EXTENDED, uint32 id, string "limits@openssh.com"
//
// Answered with EXTENDED_REPLY: uint32 id, then four uint64:
//   max-packet-length, max-read-length, max-write-length, max-open-handles
import { SshWriter } from '../../wire/writer.ts';
import { ADVERTISED_PACKET_BYTES, CROWDED_WINDOW_BYTES, CROWDED_WRITE_BYTES, MAX_READ_BYTES } from '../limits.ts';
import type { ExtensionRow } from '../request.ts';

export const limits: ExtensionRow = {
  packet: 'plain',
  extensionName: 'limits@openssh.com',
  revision: '1',
  name: 'limits',
  permission: 'none',
  writes: false,
  available: () => true,
  prepare: (context) => ({
    run: () =>
      Promise.resolve({
        kind: 'extended',
        body: new SshWriter(32)
          .uint64(ADVERTISED_PACKET_BYTES)
          .uint64(MAX_READ_BYTES)
          .uint64(context.window() < CROWDED_WINDOW_BYTES ? CROWDED_WRITE_BYTES : MAX_READ_BYTES)
          .uint64(context.limits.openHandles)
          .finish(),
      }),
  }),
};
