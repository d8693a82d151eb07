import type { Command } from 'commander';
import { ConfigError } from '../../policy/config-error.ts';
import { CliError } from '../cli-error.ts';
import { processTerminal, writeJson, type Terminal } from '../terminal.ts';
import { diagnose } from './diagnose.ts';
import { writeFindings } from './doctor-page.ts';
import { worst } from './finding.ts';
import { inspectLink } from './inspect-link.ts';
import { look, type Look } from './look.ts';

interface DoctorOptions {
  readonly config: string;
  readonly log: readonly string[];
  readonly json: boolean;
}

/** How the command sees the world; tests bring their own. */
export interface DoctorWorld extends Pick<Look, 'stdin' | 'inspectLink'> {
  readonly terminal: Terminal;
  readonly now: () => number;
  /** Writes one line to standard error. */
  readonly complain: (line: string) => void;
}

const COULD_NOT_LOOK = 2;

/** `latticeport doctor [--config FILE] [--log FILE] [--json]`: what is quantum-safe end to end, and what is not. */
export function registerDoctorCommand(program: Command, world: DoctorWorld = realWorld()): void {
  program
    .command('doctor')
    .description('say what is quantum-safe end to end and what is not, each with the line to change')
    .option('-c, --config <file>', 'the configuration', 'latticeport.json')
    .option(
      '--log <file>',
      'a JSON log, .gz or plain, of the last sessions (may be repeated; - is standard input)',
      (file: string, before: readonly string[]) => [...before, file],
      [],
    )
    .option('--json', 'print JSON', false)
    .addHelpText(
      'after',
      '\nExit code: 0 where all is quantum-safe, 1 where something is not, 2 where it could not look.',
    )
    .action(async (options: DoctorOptions) => {
      await examine(options, world);
    });
}

async function examine({ config: file, log: logs, json }: DoctorOptions, world: DoctorWorld): Promise<void> {
  const { terminal, stdin } = world;
  try {
    const facts = await look({ file, logs, stdin, now: world.now(), inspectLink: world.inspectLink });
    const findings = diagnose(facts);
    const verdict = worst(findings);
    terminal.exit(verdict === 'ok' ? 0 : 1);
    if (json) writeJson(terminal, { file, verdict, policy: facts.policy.name, findings });
    else writeFindings(file, findings, terminal);
  } catch (error) {
    // A bug ends like any other.
    if (!(error instanceof ConfigError) && !(error instanceof CliError)) throw error;
    terminal.exit(COULD_NOT_LOOK);
    if (json) writeJson(terminal, { file, verdict: 'unknown', error: error.message });
    world.complain(`latticeport: ${error.message}`);
  }
}

function realWorld(): DoctorWorld {
  return {
    terminal: processTerminal(),
    stdin: process.stdin,
    inspectLink,
    now: () => Date.now(),
    complain: (line) => process.stderr.write(`${line}\n`),
  };
}
