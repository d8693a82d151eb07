import type { ConnectionThrottle } from './connection-throttle.ts';
import { UserConnections } from './user-connections.ts';

/** Decides on new connections by their source address, and on logins by how many connections their user has. */
export interface Admission {
  /** Seconds to wait before serving (0: none), or null for a refusal. A number where it is known at once. */
  admit(source: string): number | null | Promise<number | null>;
  /** Whether `user` may have one connection more, of `limit`; if so it counts until `leave`. */
  enter(user: string, limit: number): boolean | Promise<boolean>;
  leave(user: string): void;
}

/** The counters of this process. */
export function localAdmission(throttle: ConnectionThrottle): Admission {
  const users = new UserConnections();
  return {
    admit: (source) => throttle.admit(source),
    enter: (user, limit) => users.enter(user, limit),
    leave: (user) => {
      users.leave(user);
    },
  };
}
