// Random sequences of up to three sessions against OpenSSH's sftp-server: a server, workers, and sftp-stdio processes.
import { SERVER, STDIO, WORKERS } from './tested.ts';
import { compareOn } from './test-targets.ts';

compareOn(SERVER);
compareOn(WORKERS);
compareOn(STDIO);
