import { KEX_BY_NAME } from '../crypto/algorithms/algorithm-table.ts';
import { cryptoModule } from '../crypto/providers.ts';
import type { ReceiveWindows } from '../connection/receive-windows.ts';
import type { StorageConfig } from '../config/schema.ts';
import type { SftpSession } from '../sftp/session.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { BuildInfo, Metrics } from '../telemetry/metrics.ts';
import type { MemoryUse } from '../telemetry/storage-metrics.ts';
import { isPostQuantumGroup } from '../tls/groups.ts';
import type { SshListener } from './ssh-listener.ts';
import { configuredStore } from './store.ts';
import { VERSION } from './version.ts';

/** What runs, for the metric of that name. */
export function buildInfo(): BuildInfo {
  return {
    version: VERSION,
    node: process.versions.node,
    openssl: process.versions.openssl,
    fips: cryptoModule().enabled,
  };
}

/** Of one server. Several may have a store and its windows together. */
export interface MetricsSources {
  readonly listener: SshListener;
  readonly store: ObjectStore;
  readonly storage: StorageConfig;
  readonly windows: ReceiveWindows;
  readonly sftpSessions: ReadonlySet<SftpSession>;
}

/**
 * Lets the metrics look at what is open and held whenever somebody asks for them: added up over the servers that there are
 * then. `storages`: all that they may use. `stores`: those that are open, with their settings; by default those of the servers.
 */
export function connectSources(
  metrics: Metrics,
  storages: readonly StorageConfig[],
  servers: () => readonly MetricsSources[],
  stores: () => OpenStores = () => new Map(servers().map(({ store, storage }) => [store, storage])),
): void {
  for (const storage of storages) {
    const { faultKinds, tlsGroups } = configuredStore(storage);
    metrics.storage.knowsReasons(faultKinds);
    for (const group of tlsGroups) metrics.storage.mayConnect(group, isPostQuantumGroup(group));
  }
  metrics.ssh.sessions = () => {
    const sessions = { authenticated: 0, unauthenticated: 0 };
    for (const { listener } of servers()) {
      sessions.authenticated += listener.sessions - listener.unauthenticated;
      sessions.unauthenticated += listener.unauthenticated;
    }
    return sessions;
  };
  metrics.sftp.open = () => {
    const open = { sessions: 0, handles: 0, requests: 0 };
    for (const { sftpSessions } of servers()) {
      open.sessions += sftpSessions.size;
      for (const { openHandles, requestsInFlight } of sftpSessions) {
        open.handles += openHandles;
        open.requests += requestsInFlight;
      }
    }
    return open;
  };
  metrics.storage.use = () => storageUse(servers(), stores());
}

type OpenStores = ReadonlyMap<ObjectStore, StorageConfig>;

function storageUse(servers: readonly MetricsSources[], stores: OpenStores): ReturnType<Metrics['storage']['use']> {
  const total = { uploadsWaiting: 0, spoolBytes: 0, openReads: 0, openWrites: 0 };
  const memory = new Map<MemoryUse['budget'], MemoryUse>();
  const add = (budget: MemoryUse['budget'], usedBytes: number, limitBytes: number): void => {
    const before = memory.get(budget) ?? { budget, usedBytes: 0, limitBytes: 0 };
    memory.set(budget, {
      budget,
      usedBytes: before.usedBytes + usedBytes,
      limitBytes: before.limitBytes + limitBytes,
    });
  };
  for (const windows of new Set(servers.map((server) => server.windows))) {
    add('receive-windows', windows.heldBytes, windows.totalBytes);
  }
  for (const [store, storage] of stores) {
    const use = store.usage?.();
    if (use === undefined) continue;
    const { budgets } = configuredStore(storage);
    if (budgets !== undefined) {
      add('upload', use.uploadBytes, budgets.uploadBytes);
      add('read-ahead', use.readBytes, budgets.readAheadBytes);
    }
    total.uploadsWaiting += use.uploadsWaiting;
    total.spoolBytes += use.spoolBytes;
    total.openReads += use.openReads;
    total.openWrites += use.openWrites;
  }
  return { memory: [...memory.values()], ...total };
}

/** A method that is offered is shown before anybody uses it: then its first use is a step that alerts can see. */
export function announceKeyExchanges({ ssh }: Metrics, methods: readonly string[]): void {
  for (const method of methods) {
    const facts = KEX_BY_NAME.get(method);
    if (facts !== undefined) ssh.offersKeyExchange(method, facts.family === 'pq-hybrid');
  }
}
