// Programs of no use, for the tests of how the tests find programs.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Makes shell scripts by name (it may hold folders) below `directory`; each has the given lines. */
export function makePrograms(directory: string, scripts: Readonly<Record<string, string>>): void {
  for (const [name, lines] of Object.entries(scripts)) {
    const file = join(directory, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `#!/bin/sh\n${lines}\n`, { mode: 0o755 });
  }
}

/** Prints the text, whatever it is asked. The text holds no single quotes. */
export function says(text: string): string {
  return `printf '%s\\n' '${text}'`;
}
