import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';

/** Where and when the figures were measured. */
export function environment(): Readonly<Record<string, string>> {
  const [cpu] = cpus();
  const system = /^PRETTY_NAME="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? process.platform;
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: `${cpu?.model.trim() ?? 'unknown'}, ${cpus().length} cores`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    system: `${system}, Linux ${release()}`,
    node: process.version,
    openssl: process.versions.openssl,
  };
}
