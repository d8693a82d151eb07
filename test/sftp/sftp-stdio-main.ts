// `latticeport sftp-stdio` alone, without the other commands: for test suites that want a program in sftp-server's place.
import { Command } from 'commander';
import { registerSftpStdioCommand } from '../../src/cli/sftp-stdio/sftp-stdio-command.ts';

const program = new Command('latticeport');
registerSftpStdioCommand(program);
await program.parseAsync(['node', 'latticeport', 'sftp-stdio', ...process.argv.slice(2)]);
