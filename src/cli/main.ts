#!/usr/bin/env node
import { nodeProblem } from './node-version.ts';

// An older Node does not get as far as a message in what the rest imports: it would fail at the import. So nothing else is
// imported here, nor by what is, until this is known.
const problem = nodeProblem(process.versions.node);
if (problem === null) {
  await import('./start.ts');
} else {
  process.stderr.write(`latticeport: ${problem}\n`);
  process.exitCode = 1;
}
