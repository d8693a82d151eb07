import { Command } from 'commander';
import { ConfigError } from '../policy/config-error.ts';
import { VERSION } from '../server/version.ts';
import { registerCheckConfigCommand } from './check-config-command.ts';
import { CliError } from './cli-error.ts';
import { registerCompletionCommand } from './completion/completion-command.ts';
import { registerDoctorCommand } from './doctor/doctor-command.ts';
import { registerHashPasswordCommand } from './keys/hash-password-command.ts';
import { registerKeygenCommand } from './keys/keygen-command.ts';
import { registerManageCommands } from './manage/manage-commands.ts';
import { registerPolicyCommands } from './policy/policy-commands.ts';
import { endWithReader } from './quiet-pipes.ts';
import { registerProbeCommand } from './probe/probe-command.ts';
import { registerReportCommand } from './report/report-command.ts';
import { registerAccessKeyCommands } from './state/access-key-commands.ts';
import { registerAuditCommand } from './state/audit-command.ts';
import { registerStateCommands } from './state/state-commands.ts';
import { processTerminal } from './terminal.ts';
import { registerServeCommand } from './serve/serve-command.ts';
import { registerSftpStdioCommand } from './sftp-stdio/sftp-stdio-command.ts';
import { registerWhyCommand } from './report/why-command.ts';

const program = new Command('latticeport')
  .description('An SFTP endpoint that is post-quantum by default and stores into S3.')
  .version(VERSION);

/** What serves others: it outlives a reader of its output. */
const SERVERS: readonly string[] = ['serve', 'sftp-stdio'];
let serves = false;
program.hook('preAction', (_, command) => {
  serves = SERVERS.includes(command.name());
});
endWithReader(process, () => !serves);

registerServeCommand(program);
registerSftpStdioCommand(program);
registerKeygenCommand(program);
registerHashPasswordCommand(program);
registerAccessKeyCommands(program, processTerminal());
registerAuditCommand(program, processTerminal());
registerStateCommands(program, processTerminal());
registerCheckConfigCommand(program);
registerPolicyCommands(program);
registerDoctorCommand(program);
registerProbeCommand(program);
registerReportCommand(program);
registerWhyCommand(program);
registerManageCommands(program);
registerCompletionCommand(program);

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof ConfigError || error instanceof CliError) {
    process.stderr.write(`latticeport: ${error.message}\n`);
  } else {
    process.stderr.write(`latticeport: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  }
  process.exitCode = 1;
}
