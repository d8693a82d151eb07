// Runs once after the last test: stops the servers that jest-global-setup.ts started, and removes their folder.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { bringDown, MOTO, RADOSGW } from './server-scripts.ts';

export default async function globalTeardown(): Promise<void> {
  const directory = process.env['LATTICEPORT_TEST_SERVERS'];
  if (directory === undefined) return;
  await Promise.all([RADOSGW, MOTO].map(async (scripts) => bringDown(scripts, join(directory, scripts.peer))));
  await rm(directory, { recursive: true, force: true });
}
