// Fills a new folder (first argument) with links to the programs on the PATH, but for the peers that test/peers looks for:
// a PATH as on a machine on which nothing was installed for the tests. The machine's own OpenSSH stays.
import { existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { PEERS } from '../test/peers/peer-table.ts';

const rows = Object.entries(PEERS);
const namesOf = ([, { program, programs = [] }]) => [program, ...programs];
const kept = new Set(rows.filter(([name]) => name === 'openssh-machine').flatMap(namesOf));
kept.add('node');
const hidden = new Set(rows.flatMap(namesOf).filter((name) => !kept.has(name)));

const folder = process.argv[2];
mkdirSync(folder);
const linked = new Set();
// A PATH may name folders that do not exist.
for (const directory of process.env['PATH'].split(':').filter((path) => existsSync(path))) {
  for (const name of readdirSync(directory)) {
    if (hidden.has(name) || linked.has(name)) continue;
    linked.add(name);
    symlinkSync(join(directory, name), join(folder, name));
  }
}
console.log(`${linked.size} programs, without ${[...hidden].sort().join(' ')}`);
