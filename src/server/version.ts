import { readFileSync } from 'node:fs';

/** The package's version, for the banner and `--version`. */
export const VERSION: string = readVersion();

/** `SSH-2.0-Latticeport_0.1`: major and minor only, so that a scan learns no patch level. */
export const SSH_VERSION = `SSH-2.0-Latticeport_${VERSION.split('.').slice(0, 2).join('.')}`;

function readVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(text) as { version: string };
  return version;
}
