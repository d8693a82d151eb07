import { StateUnavailable } from '../../state-store.ts';
import { InTheWay } from '../state-database.ts';

/** SQLSTATEs (PostgreSQL, appendix A) after which the same may succeed: serialization_failure, deadlock_detected, lock_not_available. */
const IN_THE_WAY: ReadonlySet<string> = new Set(['40001', '40P01', '55P03']);

/** Those that say that the database cannot be used as it is, by class and alone. */
const UNUSABLE_CLASSES: ReadonlySet<string> = new Set([
  '08', // connection_exception
  '28', // invalid_authorization_specification
  '3D', // invalid_catalog_name
  '53', // insufficient_resources
  '57', // operator_intervention: shutdown, statement_timeout
  '58', // system_error
  'F0', // config_file_error
  'XX', // internal_error
]);
const UNUSABLE: ReadonlySet<string> = new Set([
  '25006', // read_only_sql_transaction: a standby
  '25P03', // idle_in_transaction_session_timeout
  '42501', // insufficient_privilege
]);

/**
 * What an error of `pg` is to who changes or reads the state. One without a SQLSTATE is of the connection. Other errors are
 * mistakes of ours and stay as they are.
 */
export function postgresProblem(error: unknown, place: string): unknown {
  // What waits too long was made here, and what Kysely itself says stays as it is.
  if (error instanceof StateUnavailable || error instanceof InTheWay) return error;
  const { code, severity, message: words } = error as Partial<Record<'code' | 'severity' | 'message', unknown>>;
  // Where a name has several addresses, the error of all of them has no message.
  const message = `${place}: ${String(words === '' ? code : words)}`;
  if (severity === undefined || typeof code !== 'string') return new StateUnavailable(message, { cause: error });
  if (IN_THE_WAY.has(code)) return new InTheWay(message, { cause: error });
  if (UNUSABLE.has(code) || UNUSABLE_CLASSES.has(code.slice(0, 2))) {
    return new StateUnavailable(message, { cause: error });
  }
  return error;
}
