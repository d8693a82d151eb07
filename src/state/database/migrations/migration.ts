import type { Kysely } from 'kysely';

/** One step of the schema. A released one is never changed: what comes later is a step of its own. */
export interface Migration {
  /** By one greater than that of the step before. */
  readonly version: number;
  /**
   * The oldest version whose software works on what this step leaves. During a rolling update nodes of both versions run, so it
   * should be the version before, at the most.
   */
  readonly compatibleFrom: number;
  /** A step does not know today's schema, which may be another one by the time it runs: its tables are named by their words. */
  readonly up: (db: Kysely<Record<string, Record<string, unknown>>>) => Promise<void>;
}
