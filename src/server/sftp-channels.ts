import type { ChannelHandler, ProgramChannel } from '../connection/channel.ts';
import { ReadBudget } from '../sftp/read-budget.ts';
import type { SessionEnvironment } from './session-environment.ts';
import type { SessionPublisher } from './session-publisher.ts';
import type { SftpHandler } from './sftp-sessions.ts';
import type { User } from './users.ts';

/** The SFTP sessions of one connection; they share what answers to READ it may hold. */
export class SftpChannels {
  readonly #environment: Pick<SessionEnvironment, 'openSftp'>;
  readonly #events: SessionPublisher;
  readonly #readBudget: ReadBudget;
  readonly #open = new Set<SftpHandler>();

  constructor(environment: Pick<SessionEnvironment, 'openSftp' | 'config'>, events: SessionPublisher) {
    this.#environment = environment;
    this.#events = events;
    this.#readBudget = new ReadBudget(environment.config.limits.readBytesPerConnection);
  }

  /** True when ending all of them now would interrupt nothing. */
  get idle(): boolean {
    for (const sftp of this.#open) if (!sftp.idle) return false;
    return true;
  }

  get openFiles(): number {
    let count = 0;
    for (const { openFiles } of this.#open) count += openFiles;
    return count;
  }

  /** What is open may be brought to its end, and nothing else. */
  refuseNew(): void {
    for (const sftp of this.#open) sftp.refuseNew();
  }

  open(user: User, channel: ProgramChannel): ChannelHandler {
    const sftp = this.#environment.openSftp(user, channel, this.#events, this.#readBudget);
    this.#open.add(sftp);
    return {
      onData: (chunk) => {
        sftp.onData(chunk);
      },
      onEof: () => {
        sftp.onEof();
      },
      onDrain: () => {
        sftp.onDrain();
      },
      onClose: () => {
        sftp.onClose();
        this.#open.delete(sftp);
      },
    };
  }
}
