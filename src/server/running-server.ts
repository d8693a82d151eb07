import type { AddressInfo } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { prepareKexMethods } from '../crypto/kex/kex-constructors.ts';
import { publish } from '../events/event-channels.ts';
import type { PolicyWatcher } from '../policy/policy-watcher.ts';
import { watchPolicies } from '../policy/policy-watcher.ts';
import type { SecurityPolicy } from '../policy/security-policy.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { CUT_OFF_MS } from './limits.ts';
import type { MetricsSources } from './metrics-sources.ts';
import type { PreparedConfig } from './prepared-config.ts';
import { checkReplacement } from './prepared-config.ts';
import type { RevokedKeys } from './revoked-keys.ts';
import type { SessionEnvironment } from './session-environment.ts';
import type { SftpShared } from './sftp-sessions.ts';
import type { SshListener } from './ssh-listener.ts';
import type { StoreReadiness } from './store-readiness.ts';

interface RunningParts {
  /** Whose events are published. */
  readonly server: string;
  readonly address: AddressInfo;
  readonly store: ObjectStore;
  readonly listener: SshListener;
  readonly readiness: StoreReadiness;
  readonly prepared: PreparedConfig;
  readonly shared: SftpShared;
  readonly revokedKeys: RevokedKeys;
  /** What the metrics of several servers add up. */
  readonly sources: MetricsSources;
  /** Closes the store where it is the server's own. */
  readonly closeStore: () => Promise<void>;
  readonly environmentOf: (prepared: PreparedConfig) => SessionEnvironment;
  /** Ends the subscriptions to the server's events. */
  readonly detach: () => void;
}

/** A server that listens: what changes about it until its end. */
export class RunningServer {
  /** Of its events: see `newServerId`. */
  readonly id: string;
  readonly address: AddressInfo;
  readonly store: ObjectStore;
  readonly listener: SshListener;
  /** Whether the store has answered. */
  readonly readiness: StoreReadiness;
  readonly sources: MetricsSources;
  readonly #closeStore: () => Promise<void>;
  readonly #shared: SftpShared;
  readonly #revokedKeys: RevokedKeys;
  readonly #environmentOf: RunningParts['environmentOf'];
  readonly #detach: () => void;
  #prepared: PreparedConfig;
  #watcher: PolicyWatcher;
  #stopped: Promise<number> | null = null;

  constructor(parts: RunningParts) {
    this.id = parts.server;
    this.address = parts.address;
    this.store = parts.store;
    this.listener = parts.listener;
    this.readiness = parts.readiness;
    this.sources = parts.sources;
    this.#closeStore = parts.closeStore;
    this.#prepared = parts.prepared;
    this.#shared = parts.shared;
    this.#revokedKeys = parts.revokedKeys;
    this.#environmentOf = parts.environmentOf;
    this.#detach = parts.detach;
    this.#watcher = this.#watch();
    this.#watchRevokedKeys();
  }

  get prepared(): PreparedConfig {
    return this.#prepared;
  }

  /** New connections follow another configuration. The listening address and the store stay what they were. */
  async reload(prepared: PreparedConfig): Promise<void> {
    const { config: before } = this.#prepared.loaded;
    const { config } = prepared.loaded;
    await prepareKexMethods(prepared.policy.algorithms.kex);
    // Whose headers are believed holds for the next connection; where it listens does not.
    const { host, port } = before.listen;
    if (host !== config.listen.host || port !== config.listen.port) {
      publish({ type: 'config.needs-restart', server: this.id, setting: 'listen' });
    }
    for (const setting of ['storage', 'workers', 'log', 'metrics', 'management'] as const) {
      if (isDeepStrictEqual(before[setting], config[setting])) continue;
      publish({ type: 'config.needs-restart', server: this.id, setting });
    }
    this.#watcher.close();
    this.#prepared = prepared;
    this.#apply();
    this.#watcher = this.#watch();
    await this.endRevoked(prepared);
  }

  /**
   * Ends the sessions of those who could not log in under another configuration, where that says so. What it revokes is revoked
   * from now on.
   */
  endRevoked({ users, loaded: { config }, revokedKeys }: PreparedConfig): Promise<void> {
    this.#revokedKeys.use(revokedKeys);
    return this.listener.endRevoked({ users, config, revokedKeys: this.#revokedKeys });
  }

  /** What `find` of the users answers has changed: as `endRevoked`, with all else as it is in force. */
  usersChanged(): Promise<void> {
    const { users, loaded } = this.#prepared;
    return this.listener.endRevoked({ users, config: loaded.config, revokedKeys: this.#revokedKeys });
  }

  /** Looks for changed policy files now, without waiting for the system to report them. */
  checkPolicies(): void {
    this.#watcher.check();
  }

  /** Takes no new connections, and stops when the last session has ended by itself. */
  async retire(): Promise<void> {
    await this.listener.retire();
    await this.stop();
  }

  /** Drains and stops; resolves to the number of connections that were cut off. */
  stop(): Promise<number> {
    return (this.#stopped ??= this.#stop());
  }

  async #stop(): Promise<number> {
    this.#watcher.close();
    this.#revokedKeys.close();
    this.readiness.close();
    const { drainSeconds } = this.#prepared.loaded.config.shutdown;
    const deadline = performance.now() + drainSeconds * 1000;
    const cutOff = await this.listener.stop(drainSeconds);
    // Files whose client has gone have the same time as those whose client is there.
    await within(deadline - performance.now(), this.#filesLetGo());
    for (const session of this.#shared.sessions) session.cutOff();
    const inTime = await within(
      CUT_OFF_MS,
      this.#filesLetGo().then(() => this.#closeStore()),
    );
    if (!inTime) publish({ type: 'server.stop-overdue', server: this.id, sessions: this.#shared.sessions.size });
    publish({ type: 'server.stopped', server: this.id, cutOff });
    // What is still held may have something to tell until the process ends.
    if (inTime) this.#detach();
    return cutOff;
  }

  async #filesLetGo(): Promise<void> {
    while (this.#shared.ending.size > 0) await Promise.all(this.#shared.ending);
  }

  #apply(): void {
    this.listener.use(this.#environmentOf(this.#prepared));
  }

  #watchRevokedKeys(): void {
    this.#revokedKeys.watch({
      onChange: (files) => {
        publish({ type: 'revoked-keys.reloaded', server: this.id, files });
        void this.listener.endRevoked();
      },
      onProblem: ({ file, jsonPath, message }) => {
        publish({ type: 'revoked-keys.refused', server: this.id, file, jsonPath, message });
      },
    });
  }

  #watch(): PolicyWatcher {
    const { catalogue, hostKeys, loaded } = this.#prepared;
    const inForce = (policy: SecurityPolicy): boolean => policy.name === loaded.config.securityPolicy;
    return watchPolicies({
      catalogue,
      accept: (policy) => {
        // A policy that our host keys cannot serve, or our FIPS mode forbids, must not replace the one in force.
        if (inForce(policy)) checkReplacement(policy, loaded.config, hostKeys);
      },
      onChange: (policy) => {
        if (!inForce(policy)) return;
        this.#prepared = { ...this.#prepared, policy };
        this.#apply();
        publish({ type: 'policy.reloaded', server: this.id, policy: policy.name, file: policy.file });
      },
      onProblem: ({ file, jsonPath, message }) => {
        publish({ type: 'policy.refused', server: this.id, file, jsonPath, message });
      },
    });
  }
}

/** Whether `work` ended within so many milliseconds. */
async function within(milliseconds: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => {
      resolve(false);
    }, milliseconds);
  });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
