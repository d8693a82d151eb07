// Random sequences of up to three sessions against OpenSSH's sftp-server: sessions in this process, without SSH.
import { LOCAL, LOCAL_IN_MEMORY, MEMORY } from './tested.ts';
import { compareOn } from './test-targets.ts';

compareOn(LOCAL);
compareOn(LOCAL_IN_MEMORY);
compareOn(MEMORY);
