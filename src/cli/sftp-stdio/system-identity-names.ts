import { readFile } from 'node:fs/promises';
import type { IdentityNames } from '../../sftp/identity-names.ts';

/** The names in /etc/passwd and /etc/group; a machine without them has none. */
export async function systemIdentityNames(): Promise<IdentityNames> {
  const [users, groups] = await Promise.all([namesById('/etc/passwd'), namesById('/etc/group')]);
  return { user: (uid) => users.get(uid), group: (gid) => groups.get(gid) };
}

/** Lines of name:password:number:... (passwd(5), group(5)); the first name of a number counts. */
async function namesById(file: string): Promise<ReadonlyMap<number, string>> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const names = new Map<number, string>();
  for (const line of text.split('\n')) {
    const [name, , id] = line.split(':');
    if (name !== undefined && id !== undefined && /^\d+$/.test(id) && !names.has(Number(id))) {
      names.set(Number(id), name);
    }
  }
  return names;
}
