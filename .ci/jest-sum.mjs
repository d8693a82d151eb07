// Reads jest's JSON report (first argument); names every skipped test and prints "N passed, N failed, N skipped".
import { readFileSync } from 'node:fs';

const report = JSON.parse(readFileSync(process.argv[2], 'utf8'));
for (const file of report.testResults) {
  for (const { status, fullName } of file.assertionResults) {
    if (status === 'pending' || status === 'todo') console.log(`SKIP ${file.name}: ${fullName}`);
    if (status === 'failed') console.log(`FAIL ${file.name}: ${fullName}`);
  }
}
// A test file that cannot even be loaded is a failure too.
const failed = report.numFailedTests + report.numRuntimeErrorTestSuites;
console.log(
  `${report.numPassedTests} passed, ${failed} failed, ${report.numPendingTests + report.numTodoTests} skipped`,
);
