import type { ConnectionThrottle } from './connection-throttle.ts';

/** Decides on new connections by their source address. */
export interface Admission {
  /** Seconds to wait before serving (0: none), or null for a refusal. A number where it is known at once. */
  admit(source: string): number | null | Promise<number | null>;
}

/** The counters of this process. */
export function localAdmission(throttle: ConnectionThrottle): Admission {
  return { admit: (source) => throttle.admit(source) };
}
