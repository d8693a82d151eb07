// Random sequences of up to three sessions against OpenSSH's sftp-server: on S3, in one process and as two nodes.
import { NODES, S3 } from './tested.ts';
import { compareOn } from './test-targets.ts';

compareOn(S3);
compareOn(NODES);
