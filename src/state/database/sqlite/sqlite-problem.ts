import { StateUnavailable } from '../../state-store.ts';
import { InTheWay } from '../state-database.ts';

/** Primary result codes (sqlite.org/rescode.html): SQLITE_BUSY, and those that say that the file cannot be used as it is. */
const BUSY = 5;
const UNUSABLE: ReadonlySet<number> = new Set([
  3, // PERM
  6, // LOCKED
  7, // NOMEM
  8, // READONLY
  10, // IOERR
  11, // CORRUPT
  13, // FULL
  14, // CANTOPEN
  15, // PROTOCOL
  26, // NOTADB
]);

/** What an error of `node:sqlite` is to who changes or reads the state. Other errors are mistakes of ours and stay as they are. */
export function sqliteProblem(error: unknown, file: string): unknown {
  const { code, errcode, message } = error as Partial<Record<'code' | 'errcode' | 'message', unknown>>;
  const said = `${file}: ${String(message)}`;
  // A connection that was closed meanwhile.
  if (code === 'ERR_INVALID_STATE') return new StateUnavailable(said, { cause: error });
  // Extended codes have the primary one in their lowest byte.
  const primary = typeof errcode === 'number' ? errcode & 0xff : 0;
  if (primary === BUSY) return new InTheWay(said, { cause: error });
  return UNUSABLE.has(primary) ? new StateUnavailable(said, { cause: error }) : error;
}
