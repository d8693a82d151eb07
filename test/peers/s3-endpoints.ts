// The S3 servers of this run of the tests, as jest-global-setup.ts left them in the environment.
import { MOTO, RADOSGW, type ServerScripts } from './server-scripts.ts';

export interface S3ServerOfRun {
  readonly name: ServerScripts['peer'];
  /** `undefined` where there is none. */
  readonly endpoint: string | undefined;
  /** Why there is none, for the name of a skipped test; `null` where there is one. */
  readonly missing: string | null;
}

function server({ peer, missingVariable }: ServerScripts, endpoint: string | undefined): S3ServerOfRun {
  const missing = endpoint === undefined ? (process.env[missingVariable] ?? `${peer} was not started`) : null;
  return { name: peer, endpoint, missing };
}

// Written out, since jest-global-setup.ts looks for these words to know which servers the chosen tests need.
export const radosgw = server(RADOSGW, process.env['S3_ENDPOINT']);
export const moto = server(MOTO, process.env['MOTO_ENDPOINT']);
