// The test files that a run on the bare machine has not settled, one a line. usage: other-tests.mjs REPORT RELATED
//
// REPORT is jest's JSON of that run. Settled is a file all of whose tests ran and passed there, and that would do the same
// with the peers installed: it is not in RELATED (a file, one name a line), which lists those that depend on the programs of
// other projects or on how often random tests are to run.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const [report = '', related = ''] = process.argv.slice(2);
const lines = (text) => text.split('\n').filter((line) => line !== '');
const again = new Set(lines(readFileSync(related, 'utf8')));
const settled = new Set();
for (const { name, assertionResults } of JSON.parse(readFileSync(report, 'utf8')).testResults) {
  const passed = assertionResults.length > 0 && assertionResults.every(({ status }) => status === 'passed');
  if (passed && !again.has(name)) settled.add(name);
}
const all = lines(execFileSync('npm', ['run', '--silent', 'jest', '--', '--listTests'], { encoding: 'utf8' }));
for (const file of all) if (!settled.has(file)) console.log(file);
