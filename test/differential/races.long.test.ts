// The races that once lost files, each some times: LATTICEPORT_RACES=150 by hand.
import { LOCAL, LOCAL_IN_MEMORY, MEMORY, NODES, S3, SERVER, WORKERS } from './tested.ts';
import { raceOn } from './test-targets.ts';

for (const target of [LOCAL, LOCAL_IN_MEMORY, MEMORY]) raceOn(target);
// By hand, since they take minutes: a server, workers, S3 (test/storage/s3/two-nodes.test.ts is in every run).
if (process.env['LATTICEPORT_RACES'] !== undefined) for (const target of [SERVER, WORKERS, S3, NODES]) raceOn(target);
