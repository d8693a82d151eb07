import { spawnSync } from 'node:child_process';
import { findPeer } from '../peers/peers.ts';

/** The command of a Node whose OpenSSL really runs in FIPS mode (test/peers/install.sh), or null where there is none. */
export const FIPS_NODE: readonly string[] | null = findFipsNode();

function findFipsNode(): readonly string[] | null {
  const [program, ...before] = findPeer('node-fips')?.program('env') ?? [];
  if (program === undefined) return null;
  const node = [...before, 'OPENSSL_CONF=/etc/ssl/node-fips.cnf', 'node', '--openssl-shared-config', '--enable-fips'];
  const asked = spawnSync(program, [...node, '-p', 'crypto.getFips()'], { encoding: 'utf8', timeout: 20_000 });
  return asked.stdout.trim() === '1' ? [program, ...node] : null;
}
