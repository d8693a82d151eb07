// Runs once after the last test: stops the servers that jest-global-setup.ts started, and removes their folder.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export default async function globalTeardown(): Promise<void> {
  const directory = process.env['LATTICEPORT_TEST_SERVERS'];
  if (directory === undefined) return;
  const down = [
    { script: 's3-down.sh', folder: join(directory, 's3'), more: ['--purge'] },
    { script: 'moto-down.sh', folder: join(directory, 'moto'), more: [] },
  ];
  await Promise.all(
    down
      .filter(({ folder }) => existsSync(folder))
      .map(async ({ script, folder, more }) =>
        run(resolve(import.meta.dirname, script), [folder, ...more], { timeout: 60_000 }),
      ),
  );
  await rm(directory, { recursive: true, force: true });
}
