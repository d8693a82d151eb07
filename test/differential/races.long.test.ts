// The races that once lost files, each some times: LATTICEPORT_RACES=150 by hand.
import { LOCAL, MEMORY, NODES, S3, WORKERS } from './tested.ts';
import { raceOn } from './test-targets.ts';

for (const target of [LOCAL, MEMORY, S3, WORKERS, NODES]) raceOn(target);
