// The races that once lost files, each some times: LATTICEPORT_RACES=150 by hand.
import { LOCAL, MEMORY, NODES, S3, WORKERS } from './tested.ts';
import { raceOn } from './test-targets.ts';

for (const target of [LOCAL, MEMORY]) raceOn(target);
// By hand: workers, where a CLOSE may be told of a change that it has stored already, and S3, where it takes minutes
// (test/storage/s3/two-nodes.test.ts is in every run).
if (process.env['LATTICEPORT_RACES'] !== undefined) for (const target of [WORKERS, S3, NODES]) raceOn(target);
