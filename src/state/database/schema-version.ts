import { StateVersionError } from '../state-store.ts';
import { MIGRATIONS } from './migrations/index.ts';

/** Which schema the database has. */
export interface SchemaVersion {
  readonly version: number;
  /** The oldest version whose software can work with it. */
  readonly compatibleFrom: number;
}

/** The newest schema that this software knows. */
const KNOWN_VERSION = MIGRATIONS.length;

/**
 * A newer schema may be one of a rolling update, which says that this software can go on with it. @throws StateVersionError
 */
export function refuseNewer({ version, compatibleFrom }: SchemaVersion, known = KNOWN_VERSION): void {
  if (version <= known || compatibleFrom <= known) return;
  throw new StateVersionError(
    `the schema of the state has version ${version}, for software that knows ${compatibleFrom} or newer, and this version of ` +
      `Latticeport knows ${known}: a newer one has changed it, update this one`,
  );
}
