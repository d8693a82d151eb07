import type { AddressInfo } from 'node:net';
import { ReceiveWindows } from '../connection/receive-windows.ts';
import { prepareKexMethods } from '../crypto/kex/kex-constructors.ts';
import { reportProviders } from '../crypto/providers.ts';
import { publish } from '../events/event-channels.ts';
import { fipsRules } from '../policy/fips-rules.ts';
import { listsUnder } from '../policy/post-quantum-setting.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { StoreRegistry } from '../storage/registry/store-registry.ts';
import { withHostCertificates } from '../transport/host-credential.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { AddressRules } from './address-networks.ts';
import type { Admission } from './admission.ts';
import { localAdmission } from './admission.ts';
import { ConnectionThrottle } from './connection-throttle.ts';
import { descriptorLimit, FileDescriptors, shareDescriptors } from './descriptors.ts';
import { inWords } from './host-certificates.ts';
import { Insisting } from './insistence.ts';
import { ProxyRules } from './proxy/proxy-rules.ts';
import { announceKeyExchanges, connectSources } from './metrics-sources.ts';
import type { PreparedConfig } from './prepared-config.ts';
import { offeredAlgorithms, unusedHostKeys, usableHostCertificates, usableHostKeys } from './prepared-config.ts';
import { RevokedKeys } from './revoked-keys.ts';
import { RunningServer } from './running-server.ts';
import { newServerId } from './server-id.ts';
import type { SessionEnvironment } from './session-environment.ts';
import type { SftpShared } from './sftp-sessions.ts';
import { SftpSessions } from './sftp-sessions.ts';
import { SshListener } from './ssh-listener.ts';
import { configuredStore, openStore } from './store.ts';
import { publishedStoreEvents } from './store-events.ts';
import { checkStore, StoreReadiness } from './store-readiness.ts';
import type { StoreBudgets } from './stores/configured-store.ts';
import { attachSubscribers } from './subscribers.ts';
import { SSH_VERSION } from './version.ts';
import type { NameSharing } from './workers/worker-lanes.ts';

export interface ServerParts {
  readonly log: Logger;
  /** Of all workers, where there are several; by default this process's own. */
  readonly admission?: Admission & Partial<NameSharing>;
  /** Nothing is counted without it. */
  readonly metrics?: Metrics | undefined;
  /** Whose events it publishes; by default an id of its own for this start. Whoever gives one subscribes to them. */
  readonly id?: string;
  /** By default the server opens the configured store, which is its own. */
  readonly shared?: SharedStorage | undefined;
}

/** What several servers of a process use together. Whoever has opened it closes it, and tells the metrics of it. */
export interface SharedStorage {
  readonly throttle?: ConnectionThrottle;
  /** As the configured storage describes it: of users whose view names no other. */
  readonly store: ObjectStore;
  readonly windows: ReceiveWindows;
  readonly files: FileDescriptors;
}

/**
 * Asks the store, opens it and the port. Rejects with ConfigError, or with the system's error for the port. A store that
 * does not answer does not hinder it: `readiness` tells.
 */
export async function startServer(
  prepared: PreparedConfig,
  { log, admission, metrics, id, shared }: ServerParts,
): Promise<RunningServer> {
  const server = id ?? newServerId();
  const detach = id === undefined ? attachSubscribers(server, log, metrics) : () => undefined;
  try {
    return await start(server, prepared, {
      admission: admission ?? ownAdmission(prepared, shared),
      metrics,
      detach,
      shared,
    });
  } catch (error) {
    detach();
    throw error;
  }
}

interface Surroundings {
  readonly admission: Admission & Partial<NameSharing>;
  readonly metrics: Metrics | undefined;
  /** Ends the subscriptions to the server's events. */
  readonly detach: () => void;
  readonly shared: SharedStorage | undefined;
}

async function start(
  server: string,
  prepared: PreparedConfig,
  { admission, metrics, detach, shared: given }: Surroundings,
): Promise<RunningServer> {
  const { config } = prepared.loaded;
  await prepareKexMethods(prepared.policy.algorithms.kex);
  const unreachable = given === undefined ? await checkStore(prepared.loaded) : null;
  const { store, windows, files } = given ?? (await openOwn(server, prepared, admission));
  const shared: SftpShared = { server, sessions: new Set(), ending: new Set(), files };
  const revokedKeys = new RevokedKeys(prepared.revokedKeys);
  const environmentOf = (current: PreparedConfig): SessionEnvironment => {
    const made = makeEnvironment(current, { server, store, admission, windows, shared, revokedKeys });
    if (metrics !== undefined) announceKeyExchanges(metrics, made.algorithms.kex);
    return made;
  };
  const environment = environmentOf(prepared);
  tellFewDescriptors(environment);
  const listener = new SshListener(environment, admission);
  const sources = { listener, store, storage: config.storage, windows, sftpSessions: shared.sessions };
  if (metrics !== undefined && given === undefined) connectSources(metrics, [config.storage], () => [sources]);
  let address: AddressInfo;
  try {
    address = await listener.listen(config.listen.host, config.listen.port);
  } catch (error) {
    if (given === undefined) await store.close();
    throw error;
  }
  publish({
    type: 'server.listening',
    server,
    host: address.address,
    port: address.port,
    policy: prepared.policy.name,
    fips: config.fips,
    crypto: reportProviders(prepared.policy.algorithms, [
      ...prepared.policy.algorithms.hostKeys,
      ...fipsRules(prepared.policy).userKeyAlgorithms,
    ]),
    storage: store.kind,
    users: prepared.users.size,
    hostKeys: prepared.hostKeys.map(({ publicKey }) => `${publicKey.type} ${publicKey.fingerprint}`),
    hostCertificates: usableHostCertificates(prepared).map(inWords),
    version: SSH_VERSION,
  });
  const readiness = new StoreReadiness(server, config.storage, unreachable);
  return new RunningServer({
    ...{ server, address, store, listener, readiness, prepared, shared, revokedKeys, sources },
    closeStore: () => (given === undefined ? store.close() : Promise.resolve()),
    environmentOf,
    detach,
  });
}

async function openOwn(
  server: string,
  { loaded: { config, file } }: PreparedConfig,
  admission: Surroundings['admission'],
): Promise<SharedStorage> {
  const store = await openStore(config.storage, file, publishedStoreEvents(server));
  const { identity, budgets } = configuredStore(config.storage);
  if (identity !== undefined) admission.share?.(StoreRegistry.of(store), identity);
  return { store, windows: receiveWindows(budgets), files: new FileDescriptors() };
}

/** What clients send ahead is memory of uploads too: its bound follows theirs, where they have one. */
export function receiveWindows(budgets: StoreBudgets | undefined): ReceiveWindows {
  return new ReceiveWindows(budgets === undefined ? undefined : Math.floor(budgets.uploadBytes / 4));
}

/** A source that connects to several servers of the process is one source. */
function ownAdmission({ loaded }: PreparedConfig, shared: SharedStorage | undefined): Admission {
  const { connectionsPerSecondPerSource } = loaded.config.limits;
  return localAdmission(shared?.throttle ?? new ConnectionThrottle(connectionsPerSecondPerSource));
}

/** What all sessions have in common, whichever configuration they began with. */
interface SessionSurroundings {
  readonly server: string;
  readonly store: ObjectStore;
  readonly admission: Admission;
  readonly windows: ReceiveWindows;
  readonly shared: SftpShared;
  readonly revokedKeys: RevokedKeys;
}

function makeEnvironment(
  prepared: PreparedConfig,
  { server, store, admission, windows, shared, revokedKeys }: SessionSurroundings,
): SessionEnvironment {
  const { config, file } = prepared.loaded;
  for (const unused of unusedHostKeys(prepared)) publish({ type: 'host-key.unused', server, ...unused });
  const descriptors = shareDescriptors(descriptorLimit(), config.limits);
  const sftpSessions = new SftpSessions(store, config, descriptors, shared);
  const hostCertificates = usableHostCertificates(prepared);
  const offered = offeredAlgorithms(prepared.policy, prepared.hostKeys, file);
  const hostKeys = withHostCertificates(offered.hostKeys, hostCertificates);
  const algorithms = listsUnder(config.postQuantum, { ...offered, hostKeys });
  return {
    server,
    config,
    version: SSH_VERSION,
    algorithms,
    policyKex: prepared.policy.algorithms.kex,
    insisting: new Insisting(config, algorithms),
    proxy: new ProxyRules(config.listen.proxyProtocol),
    addressRules: new AddressRules(config),
    hostKeys: usableHostKeys(prepared),
    hostCertificates,
    groupExchangeMinBits: prepared.policy.groupExchangeMinBits,
    userKeyAlgorithms: fipsRules(prepared.policy).userKeyAlgorithms,
    users: prepared.users,
    revokedKeys,
    admission,
    windows,
    capacity: descriptors,
    openSftp: (user, channel, events, readBudget) => sftpSessions.open(user, channel, events, readBudget),
  };
}

/** Says at start when the system's limit is below what the configured limits allow. */
function tellFewDescriptors({ server, capacity, config: { limits } }: SessionEnvironment): void {
  const { limit, connections, unauthenticated, files } = capacity;
  if (connections >= limits.connections && unauthenticated >= limits.unauthenticatedConnections) return;
  const configured = limits.connections;
  publish({ type: 'server.few-descriptors', server, limit, connections, unauthenticated, files, configured });
}
