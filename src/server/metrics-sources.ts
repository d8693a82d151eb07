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

export interface MetricsSources {
  readonly listener: SshListener;
  readonly store: ObjectStore;
  readonly storage: StorageConfig;
  readonly windows: ReceiveWindows;
  readonly sftpSessions: ReadonlySet<SftpSession>;
}

/** Lets the metrics look at what is open and held whenever somebody asks for them. */
export function connectSources(metrics: Metrics, sources: MetricsSources): void {
  const { listener, store, storage, windows, sftpSessions } = sources;
  const { budgets, faultKinds, tlsGroups } = configuredStore(storage);
  metrics.storage.knowsReasons(faultKinds);
  for (const group of tlsGroups) metrics.storage.mayConnect(group, isPostQuantumGroup(group));
  metrics.ssh.sessions = () => ({
    authenticated: listener.sessions - listener.unauthenticated,
    unauthenticated: listener.unauthenticated,
  });
  metrics.sftp.open = () => {
    const open = { sessions: sftpSessions.size, handles: 0, requests: 0 };
    for (const { openHandles, requestsInFlight } of sftpSessions) {
      open.handles += openHandles;
      open.requests += requestsInFlight;
    }
    return open;
  };
  metrics.storage.use = () => {
    const memory: MemoryUse[] = [
      { budget: 'receive-windows', usedBytes: windows.heldBytes, limitBytes: windows.totalBytes },
    ];
    const use = store.usage?.();
    if (use !== undefined && budgets !== undefined) {
      memory.push(
        { budget: 'upload', usedBytes: use.uploadBytes, limitBytes: budgets.uploadBytes },
        { budget: 'read-ahead', usedBytes: use.readBytes, limitBytes: budgets.readAheadBytes },
      );
    }
    return {
      memory,
      uploadsWaiting: use?.uploadsWaiting ?? 0,
      spoolBytes: use?.spoolBytes ?? 0,
      openReads: use?.openReads ?? 0,
      openWrites: use?.openWrites ?? 0,
    };
  };
}

/** A method that is offered is shown before anybody uses it: then its first use is a step that alerts can see. */
export function announceKeyExchanges({ ssh }: Metrics, methods: readonly string[]): void {
  for (const method of methods) {
    const facts = KEX_BY_NAME.get(method);
    if (facts !== undefined) ssh.offersKeyExchange(method, facts.family === 'pq-hybrid');
  }
}
