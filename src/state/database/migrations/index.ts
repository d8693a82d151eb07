import { first } from './0001-first.ts';
import { sessions } from './0002-sessions.ts';
import type { Migration } from './migration.ts';

/** In the order of their versions, from 1 on. */
export const MIGRATIONS: readonly Migration[] = [first, sessions];
