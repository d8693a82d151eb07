// The file that docs/extending.md asks for, as an example for its test: an extension that answers in capital letters.
//
// shout@example.org "1":
//
//   byte SSH_FXP_EXTENDED, uint32 id, string "shout@example.org", string text
//
// Answered with EXTENDED_REPLY: uint32 id, string text.
import type { ExtensionRow } from '../../src/sftp/request.ts';
import { readText } from '../../src/sftp/request.ts';
import { SshWriter } from '../../src/wire/writer.ts';

export const shout: ExtensionRow = {
  packet: 'plain',
  extensionName: 'shout@example.org',
  revision: '1',
  name: 'shout',
  permission: 'write',
  writes: true,
  available: () => true,
  prepare: (_context, reader) => {
    const text = readText(reader).toUpperCase();
    return { run: () => Promise.resolve({ kind: 'extended', body: new SshWriter().string(text).finish() }) };
  },
};
