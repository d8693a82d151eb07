import type { AddressInfo } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { ReceiveWindows } from '../connection/receive-windows.ts';
import { prepareKexMethods } from '../crypto/kex/kex-constructors.ts';
import { reportProviders } from '../crypto/providers.ts';
import { fipsRules } from '../policy/fips-rules.ts';
import type { PolicyWatcher } from '../policy/policy-watcher.ts';
import { watchPolicies } from '../policy/policy-watcher.ts';
import type { SecurityPolicy } from '../policy/security-policy.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { StoreRegistry } from '../storage/registry/store-registry.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Admission } from './admission.ts';
import { localAdmission } from './admission.ts';
import { ConnectionThrottle } from './connection-throttle.ts';
import { descriptorLimit, FileDescriptors, shareDescriptors, warnOfFewDescriptors } from './descriptors.ts';
import { announceKeyExchanges, connectSources } from './metrics-sources.ts';
import type { PreparedConfig } from './prepared-config.ts';
import { checkReplacement, offeredAlgorithms, unusedHostKeys, usableHostKeys } from './prepared-config.ts';
import { CUT_OFF_MS } from './limits.ts';
import { SftpServer } from './server.ts';
import type { SessionEnvironment } from './session.ts';
import type { SftpShared } from './sftp-sessions.ts';
import type { NameSharing } from './workers/worker-lanes.ts';
import { SftpSessions } from './sftp-sessions.ts';
import { configuredStore, openStore } from './store.ts';
import { checkStore, StoreReadiness } from './store-readiness.ts';
import { SSH_VERSION } from './version.ts';

/** A server that listens. */
export class RunningServer {
  readonly address: AddressInfo;
  readonly store: ObjectStore;
  readonly server: SftpServer;
  /** Whether the store has answered. */
  readonly readiness: StoreReadiness;
  readonly #log: Logger;
  readonly #shared: SharedState;
  #prepared: PreparedConfig;
  #watcher: PolicyWatcher;
  #stopped: Promise<number> | null = null;

  constructor(parts: {
    address: AddressInfo;
    store: ObjectStore;
    server: SftpServer;
    readiness: StoreReadiness;
    prepared: PreparedConfig;
    shared: SharedState;
    log: Logger;
  }) {
    this.address = parts.address;
    this.store = parts.store;
    this.server = parts.server;
    this.readiness = parts.readiness;
    this.#prepared = parts.prepared;
    this.#shared = parts.shared;
    this.#log = parts.log;
    this.#watcher = this.#watch();
  }

  get prepared(): PreparedConfig {
    return this.#prepared;
  }

  /** New connections follow another configuration. The listening address and the store stay what they were. */
  async reload(prepared: PreparedConfig): Promise<void> {
    const { config: before } = this.#prepared.loaded;
    const { config } = prepared.loaded;
    await prepareKexMethods(prepared.policy.algorithms.kex);
    for (const setting of ['listen', 'storage', 'workers', 'log', 'metrics'] as const) {
      if (isDeepStrictEqual(before[setting], config[setting])) continue;
      this.#log.warn({ event: 'config.needs-restart', setting }, `a change of "${setting}" needs a restart`);
    }
    this.#watcher.close();
    this.#prepared = prepared;
    this.#apply();
    this.#watcher = this.#watch();
    await this.endRevoked(prepared);
  }

  /** Ends the sessions of those who could not log in under another configuration, where that says so. */
  endRevoked({ users, loaded: { config } }: PreparedConfig): Promise<void> {
    return this.server.endRevoked({ users, config });
  }

  /** Looks for changed policy files now, without waiting for the system to report them. */
  checkPolicies(): void {
    this.#watcher.check();
  }

  /** Takes no new connections, and stops when the last session has ended by itself. */
  async retire(): Promise<void> {
    await this.server.retire();
    await this.stop();
  }

  /** Drains and stops; resolves to the number of connections that were cut off. */
  stop(): Promise<number> {
    return (this.#stopped ??= this.#stop());
  }

  async #stop(): Promise<number> {
    this.#watcher.close();
    this.readiness.close();
    const { drainSeconds } = this.#prepared.loaded.config.shutdown;
    const deadline = performance.now() + drainSeconds * 1000;
    const cutOff = await this.server.stop(drainSeconds);
    // Files whose client has gone have the same time as those whose client is there.
    await within(deadline - performance.now(), this.#filesLetGo());
    for (const session of this.#shared.sessions) session.cutOff();
    const inTime = await within(
      CUT_OFF_MS,
      this.#filesLetGo().then(() => this.store.close()),
    );
    if (!inTime) {
      this.#log.error(
        { event: 'server.stop-overdue', sessions: this.#shared.sessions.size },
        'files are still held after the deadline: the process ends all the same',
      );
    }
    this.#log.info({ event: 'server.stopped', cutOff }, 'stopped');
    return cutOff;
  }

  async #filesLetGo(): Promise<void> {
    while (this.#shared.ending.size > 0) await Promise.all(this.#shared.ending);
  }

  #apply(): void {
    this.server.use(environmentOf(this.#prepared, this.store, this.#shared, this.#log));
  }

  #watch(): PolicyWatcher {
    const { catalogue, hostKeys, loaded } = this.#prepared;
    const inForce = (policy: SecurityPolicy): boolean => policy.name === loaded.config.securityPolicy;
    return watchPolicies({
      catalogue,
      accept: (policy) => {
        // A policy that our host keys cannot serve, or our FIPS mode forbids, must not replace the one in force.
        if (inForce(policy)) checkReplacement(policy, loaded.config.fips, hostKeys);
      },
      onChange: (policy) => {
        if (!inForce(policy)) return;
        this.#prepared = { ...this.#prepared, policy };
        this.#apply();
        this.#shared.metrics?.policyChange('reloaded');
        this.#log.info(
          { event: 'policy.reloaded', policy: policy.name, file: policy.file },
          'new connections follow it',
        );
      },
      onProblem: (error) => {
        this.#shared.metrics?.policyChange('refused');
        this.#log.error({ event: 'policy.refused', file: error.file, jsonPath: error.jsonPath }, error.message);
      },
    });
  }
}

/**
 * Asks the store, opens it and the port. Rejects with ConfigError, or with the system's error for the port. A store that
 * does not answer does not hinder it: `readiness` tells.
 */
export async function startServer(
  prepared: PreparedConfig,
  log: Logger,
  admission: Admission & Partial<NameSharing> = localAdmission(
    new ConnectionThrottle(prepared.loaded.config.limits.connectionsPerSecondPerSource),
  ),
  metrics?: Metrics,
): Promise<RunningServer> {
  const { config, file } = prepared.loaded;
  await prepareKexMethods(prepared.policy.algorithms.kex);
  const unreachable = await checkStore(prepared.loaded);
  const store = await openStore(config.storage, file, log, metrics);
  const { identity, budgets } = configuredStore(config.storage);
  if (identity !== undefined) admission.share?.(StoreRegistry.of(store), identity);
  // What clients send ahead is memory of uploads too: its bound follows theirs, where they have one.
  const windows = new ReceiveWindows(budgets === undefined ? undefined : Math.floor(budgets.uploadBytes / 4));
  const shared: SharedState = {
    windows,
    admission,
    sessions: new Set(),
    ending: new Set(),
    files: new FileDescriptors(),
    metrics,
  };
  const environment = environmentOf(prepared, store, shared, log);
  warnOfFewDescriptors(environment.capacity, config.limits, log);
  const server = new SftpServer(environment, admission);
  if (metrics !== undefined) {
    connectSources(metrics, { server, store, storage: config.storage, windows, sftpSessions: shared.sessions });
  }
  let address: AddressInfo;
  try {
    address = await server.listen(config.listen.host, config.listen.port);
  } catch (error) {
    await store.close();
    throw error;
  }
  log.info(
    {
      event: 'server.listening',
      host: address.address,
      port: address.port,
      policy: prepared.policy.name,
      fips: config.fips,
      crypto: reportProviders(prepared.policy.algorithms),
      storage: store.kind,
      users: prepared.users.size,
      hostKeys: prepared.hostKeys.map(({ publicKey }) => `${publicKey.type} ${publicKey.fingerprint}`),
      version: SSH_VERSION,
    },
    `listening on ${address.address} port ${address.port}`,
  );
  const readiness = new StoreReadiness(config.storage, unreachable, log);
  return new RunningServer({ address, store, server, readiness, prepared, shared, log });
}

/** What all sessions have in common, whichever configuration they began with. */
interface SharedState extends SftpShared {
  readonly windows: ReceiveWindows;
  readonly admission: Admission;
}

function environmentOf(
  prepared: PreparedConfig,
  store: ObjectStore,
  shared: SharedState,
  log: Logger,
): SessionEnvironment {
  const { config, file } = prepared.loaded;
  for (const { why, ...key } of unusedHostKeys(prepared)) {
    log.warn({ event: 'host-key.unused', ...key }, `host key ${key.file} is not used: ${why}`);
  }
  if (shared.metrics !== undefined) announceKeyExchanges(shared.metrics, prepared.policy.algorithms.kex);
  const descriptors = shareDescriptors(descriptorLimit(), config.limits);
  const sftpSessions = new SftpSessions(store, config, descriptors, shared);
  return {
    config,
    version: SSH_VERSION,
    algorithms: offeredAlgorithms(prepared.policy, prepared.hostKeys, file),
    hostKeys: usableHostKeys(prepared),
    groupExchangeMinBits: prepared.policy.groupExchangeMinBits,
    userKeyAlgorithms: fipsRules(prepared.policy).userKeyAlgorithms,
    users: prepared.users,
    admission: shared.admission,
    windows: shared.windows,
    capacity: descriptors,
    openSftp: (user, channel, sessionLog, readBudget) => sftpSessions.open(user, channel, sessionLog, readBudget),
    log,
    metrics: shared.metrics,
  };
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
