import type { Config } from '../config/schema.ts';
import type { ChannelHandler, ProgramChannel } from '../connection/channel.ts';
import { isWatched } from '../events/event-channels.ts';
import type { SftpObserver } from '../sftp/events.ts';
import { DEFAULT_SFTP_LIMITS } from '../sftp/limits.ts';
import type { StatusCode } from '../sftp/protocol.ts';
import { SSH_FX } from '../sftp/protocol.ts';
import type { ReadBudget } from '../sftp/read-budget.ts';
import { SftpSession } from '../sftp/session.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { UserView } from '../vfs/user-view.ts';
import type { DescriptorShares, FileDescriptors } from './descriptors.ts';
import type { SessionPublisher } from './session-publisher.ts';
import type { User } from './users.ts';

/** What there is once in a server, whichever configuration a session began with. */
export interface SftpShared {
  /** Of which server: another one of the process may have users of the same names. */
  readonly server: string;
  /** Every session, until it has let go of its files. */
  readonly sessions: Set<SftpSession>;
  /** Those that are over and have not let go of their files yet. */
  readonly ending: Set<Promise<void>>;
  readonly files: FileDescriptors;
}

/** An SFTP session on a channel. `idle` tells a drain whether it may be cut off. */
export interface SftpHandler extends ChannelHandler {
  readonly idle: boolean;
  /** Open directories among them. */
  readonly openFiles: number;
  /** What is open may be brought to its end, and nothing else. */
  refuseNew(): void;
}

/** Starts SFTP sessions on channels. */
export class SftpSessions {
  readonly #store: ObjectStore;
  readonly #config: Config;
  readonly #shares: DescriptorShares;
  readonly #shared: SftpShared;
  readonly #views = new WeakMap<User, { view: UserView; ready: Promise<void> }>();

  constructor(store: ObjectStore, config: Config, shares: DescriptorShares, shared: SftpShared) {
    this.#store = store;
    this.#config = config;
    this.#shares = shares;
    this.#shared = shared;
  }

  open(user: User, channel: ProgramChannel, events: SessionPublisher, readBudget: ReadBudget): SftpHandler {
    const { view, ready } = this.#viewOf(user);
    const { limits } = this.#config;
    const { server, sessions, ending: allEnding, files } = this.#shared;
    const owner = `${server} ${user.name}`;
    const session = new SftpSession(
      {
        write: (chunks) => channel.write(chunks),
        consumed: (bytes) => {
          channel.consume(bytes);
        },
        unfinished: (bytes) => {
          channel.unfinished(bytes);
        },
        window: () => channel.windowShare,
        close: (exitStatus) => {
          channel.close(exitStatus);
        },
      },
      view,
      {
        limits: {
          ...DEFAULT_SFTP_LIMITS,
          requestsInFlight: limits.requestsInFlight,
          writeBytesInFlight: limits.writeBytesInFlight,
          openHandles: limits.openFilesPerSession,
        },
        owners: user.owners ?? this.#config.storage.owners,
        observer: observerFor(events),
        readBudget,
        descriptors: {
          take: (count) => files.take(owner, count, this.#shares),
          give: (count) => {
            files.give(owner, count);
          },
        },
      },
    );
    sessions.add(session);
    // The client's first bytes wait until its home is there.
    const early: Buffer[] = [];
    let state: 'preparing' | 'running' | 'closed' = 'preparing';
    let ended = false;
    void ready.then(
      () => {
        if (state === 'closed') return;
        state = 'running';
        for (const chunk of early) session.receive(chunk);
        if (ended) session.end();
      },
      (error: unknown) => {
        events.publish({ type: 'sftp.home-failed', error });
        channel.writeStderr('The home directory is not available.\r\n');
        channel.close(1);
      },
    );
    return {
      get idle() {
        return session.openHandles === 0 && session.requestsInFlight === 0;
      },
      get openFiles() {
        return session.openHandles;
      },
      refuseNew: () => {
        session.refuseNew();
      },
      onData: (chunk) => {
        if (state === 'running') session.receive(chunk);
        else {
          early.push(chunk);
          // Many tiny chunks would cost far more than their bytes.
          if (early.length >= 256) early.splice(0, early.length, Buffer.concat(early));
        }
      },
      onEof: () => {
        ended = true;
        if (state === 'running') session.end();
      },
      onDrain: () => {
        session.drained();
      },
      onClose: () => {
        state = 'closed';
        const ending = session.abort('the connection is gone').finally(() => {
          allEnding.delete(ending);
          sessions.delete(session);
        });
        allEnding.add(ending);
      },
    };
  }

  #viewOf(user: User): { view: UserView; ready: Promise<void> } {
    const known = this.#views.get(user);
    if (known !== undefined) return known;
    const view = user.viewOf(this.#store);
    const made = { view, ready: view.prepare() };
    // A failure is tried again at the next login.
    made.ready.catch(() => this.#views.delete(user));
    this.#views.set(user, made);
    return made;
  }
}

/** Publishes what an SFTP session tells; single requests only while somebody wants to know of them. */
function observerFor(events: SessionPublisher): SftpObserver {
  return {
    ...(isWatched('sftp.request') ? { answered: requestEvents(events) } : {}),
    action: (action, failure) => {
      events.publish({ type: 'sftp.action', action, failure: failure ?? null });
    },
    internalError: (request, error) => {
      events.publish({ type: 'sftp.internal-error', request, error });
    },
  };
}

const STATUS_NAMES: ReadonlyMap<StatusCode, string> = new Map(
  Object.entries(SSH_FX).map(([name, code]) => [code, name.toLowerCase()]),
);

function requestEvents(events: SessionPublisher): NonNullable<SftpObserver['answered']> {
  return (request, code, milliseconds, bytes) => {
    const status = STATUS_NAMES.get(code) ?? 'other';
    events.publish({ type: 'sftp.request', request, code, status, milliseconds, bytes });
  };
}
