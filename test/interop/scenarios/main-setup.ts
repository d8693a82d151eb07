import type { Setup } from './scenario.ts';

/** The server as it comes: its default policy, every type of host key. */
export const MAIN: Setup = { name: 'default policy', options: {} };
