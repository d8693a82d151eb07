// users-groups-by-id@openssh.com "1" (OpenSSH PROTOCOL §4.11): names for the numbers in ATTRS.
//
//   byte SSH_FXP_EXTENDED, uint32 id, string "users-groups-by-id@openssh.com", string uids, string gids
//
// Both strings are packed uint32. Answered with EXTENDED_REPLY: uint32 id, string usernames, string groupnames; each
// holds a `string` for every number, empty where there is no name.
import { SshWriter } from '../../wire/writer.ts';
import { SSH_FX } from '../protocol.ts';
import type { ExtensionRow } from '../request.ts';
import { SftpStatus } from '../status.ts';

/** Numbers in one request; OpenSSH's client asks for those of one listing. */
const MAX_IDS = 16 * 1024;

export const usersGroupsById: ExtensionRow = {
  packet: 'plain',
  extensionName: 'users-groups-by-id@openssh.com',
  revision: '1',
  name: 'users-groups-by-id',
  permission: 'none',
  writes: false,
  available: () => true,
  prepare: (context, reader) => {
    const uids = readIds(reader.string());
    const gids = readIds(reader.string());
    return {
      run: () =>
        Promise.resolve({
          kind: 'extended',
          body: new SshWriter()
            .string(namesOf(uids, (uid) => context.names.user(uid)))
            .string(namesOf(gids, (gid) => context.names.group(gid)))
            .finish(),
        }),
    };
  },
};

function readIds(packed: Buffer): number[] {
  if (packed.length % 4 !== 0 || packed.length > MAX_IDS * 4) {
    throw new SftpStatus(SSH_FX.BAD_MESSAGE, 'The numbers are cut off or too many.');
  }
  const ids: number[] = [];
  for (let offset = 0; offset < packed.length; offset += 4) ids.push(packed.readUInt32BE(offset));
  return ids;
}

function namesOf(ids: readonly number[], name: (id: number) => string | undefined): Buffer {
  const writer = new SshWriter();
  for (const id of ids) writer.string(name(id) ?? '');
  return writer.finish();
}
