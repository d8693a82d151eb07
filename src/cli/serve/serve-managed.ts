import { isDeepStrictEqual } from 'node:util';
import type { LoadedConfig } from '../../config/load.ts';
import type { ManagementConfig } from '../../config/schema.ts';
import type { Operations } from '../../management/operation.ts';
import { ApiListener } from '../../management/api-listener.ts';
import { createOperations } from '../../management/operations/operations.ts';
import { loadPoliciesFor } from '../../policy/policies-for.ts';
import { ManagedServers } from '../../server/managed/managed-servers.ts';
import { policyDirectories, type PreparedConfig } from '../../server/prepared-config.ts';
import type { StateStore } from '../../state/state-store.ts';
import type { LogOutput } from '../../telemetry/log-output.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { listenerUrl } from '../../tls/listener-url.ts';
import { openManagedState } from '../state/open-managed-state.ts';
import { forgetStateSecrets, stateSecrets } from '../state/state-secrets.ts';
import { apiCertificate } from './api-certificate.ts';
import { demoRecords, type DemoRecords } from './demo-server.ts';
import { demoText } from './demo-text.ts';
import type { Demo } from './first-start.ts';
import { listenError } from './listen-error.ts';
import { countedReload, monitoredStop, startMonitoring } from './serve-monitoring.ts';
import type { ServeSignals } from './serve-signals.ts';

/** Calls that run at the end of the process have so long: most wait for a port to open. Milliseconds. */
const API_DRAIN_MS = 5000;

export interface ManagedStart {
  readonly loaded: LoadedConfig;
  readonly management: ManagementConfig;
  /** The server that the file describes, where it describes one. */
  readonly prepared: PreparedConfig | null;
  /** Where there is no file: told what to try. */
  readonly demo: Demo | null;
  /** The configuration as it is now, for a reload. */
  readonly again: () => { readonly loaded: LoadedConfig; readonly prepared: PreparedConfig | null };
  readonly output: LogOutput;
  readonly log: Logger;
  readonly signals: ServeSignals;
}

/** `serve` with a section `management`: the state, the servers in it, the one of the file, and the API that changes them. */
export async function serveManaged(start: ManagedStart): Promise<void> {
  const { loaded, management, prepared, output, log, signals } = start;
  const secrets = stateSecrets(loaded.file, management, (file) => {
    log.warn(
      { event: 'state.key-made', file },
      'the secrets of the state are encrypted with this new key: keep a copy',
    );
  });
  forgetStateSecrets(management);
  const monitoring = await startMonitoring(loaded, output, log);
  const state = await openManagedState(management, secrets);
  watchState(state, log);
  const records =
    start.demo === null
      ? null
      : await demoRecords(start.demo, management, state).catch(async (error: unknown) => {
          await state.close();
          throw error;
        });
  const otherPorts = [management.listen.port, loaded.config.metrics?.port ?? 0].filter((port) => port !== 0);
  const servers = await ManagedServers.start({
    ...{ loaded, management, state, log, otherPorts, fileServer: prepared, metrics: monitoring?.metrics },
  }).catch((error: unknown) => {
    throw listenError(error, loaded.config.listen) ?? error;
  });
  if (monitoring !== undefined) {
    monitoring.storageReady = () => servers.ready;
    monitoring.remark = () => remarkOn(state, servers);
  }
  const api = await startApi(start, state, servers).catch(async (error: unknown) => {
    await servers.stop();
    await state.close();
    throw error;
  });
  monitoring?.ready();
  if (records !== null) tellDemo(start, records, state, servers, api.url);
  const stop = async (): Promise<void> => {
    // Both at once: who keeps a call to the API open keeps no port of the servers open.
    await Promise.all([api.stop(), servers.stop()]);
    await state.close();
  };
  signals.attach({
    stop: () => monitoredStop(monitoring, stop),
    reload: () => countedReload(monitoring?.metrics, () => reload(start, servers)),
  });
}

/** Says what to try. */
function tellDemo(
  { demo, management, output }: ManagedStart,
  { serverId, accessKey }: DemoRecords,
  { snapshot }: StateStore,
  servers: ManagedServers,
  url: string,
): void {
  if (demo === null) return;
  const record = serverId === null ? undefined : snapshot.servers.get(serverId);
  const { host } = management.servers;
  const server = record === undefined ? null : { record, host, state: servers.stateOf(record.serverId) };
  output.write(demoText(demo, server, snapshot, { url, region: management.region, accessKey }));
}

/** The server of the file follows it; what the section says holds until a restart. */
async function reload({ loaded: before, again, log }: ManagedStart, servers: ManagedServers): Promise<void> {
  const { loaded, prepared } = again();
  const { management } = loaded.config;
  if (!isDeepStrictEqual(management, before.config.management)) {
    log.warn({ event: 'config.needs-restart', setting: 'management' }, 'a change of "management" needs a restart');
  }
  if (loaded.describesServer !== before.describesServer) {
    const setting = 'hostKeys';
    log.warn({ event: 'config.needs-restart', setting }, 'a server of the file comes or goes with a restart');
  } else if (prepared !== null) {
    await servers.reloadFileServer(prepared);
  }
}

async function startApi(
  { loaded, management, demo, log }: ManagedStart,
  state: StateStore,
  servers: ManagedServers,
): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const { listen } = management;
  const { certificate, own } = apiCertificate(loaded, management, log) ?? {};
  const listener = new ApiListener({
    operations: operationsOf(loaded, management, state, servers),
    accessKey: (id) => state.snapshot.accessKeys.get(id),
    serverTags: (id) =>
      id === servers.fileServer?.serverId ? servers.fileServer.server.tags : state.snapshot.servers.get(id)?.tags,
    caughtUp: () => state.caughtUp(),
    log,
    tls: certificate?.tls,
  });
  const { address, port } = await listener.listen(listen.host, listen.port).catch((error: unknown) => {
    throw listenError(error, listen, 'another "management.listen.port"') ?? error;
  });
  const tls = certificate !== undefined;
  const url = listenerUrl(address, port, tls);
  const shown = own === undefined ? {} : { caFile: own.certificateFile, fingerprint: own.fingerprint };
  log.info({ event: 'management.listening', host: address, port, tls, ...shown }, `the management API on ${url}`);
  if (state.snapshot.accessKeys.size === 0 && demo === null) {
    log.warn(
      { event: 'management.no-access-key' },
      'nobody can use the API: make a key with "latticeport access-key create"',
    );
  }
  const files = certificate?.follow(listener, log, 'management');
  return {
    url,
    stop: async () => {
      files?.close();
      await listener.drain(API_DRAIN_MS);
    },
  };
}

function operationsOf(
  { config }: LoadedConfig,
  { region, account }: ManagementConfig,
  store: StateStore,
  control: ManagedServers,
): Operations {
  const { catalogue } = loadPoliciesFor(config.securityPolicy, policyDirectories(config));
  return createOperations({ store, control, policies: catalogue, region, account, now: Date.now });
}

/** What an operator should look at while sessions and logins go on. */
function remarkOn(state: StateStore, servers: ManagedServers): string | null {
  const { failed } = servers;
  if (state.outdated) return 'ok, but a newer version has changed the state: update this node, it follows no changes';
  if (!state.reachable) return 'ok, but the state cannot be reached: nothing can be changed';
  return failed.length === 0 ? null : `ok, but these servers could not be started: ${failed.join(', ')}`;
}

function watchState(state: StateStore, log: Logger): void {
  state.onReachable((reachable, problem) => {
    if (reachable) log.info({ event: 'state.reachable' }, 'the state can be reached again');
    else if (state.outdated) {
      const what =
        'a newer version has changed the state, update this node: until then its last snapshot stays in force';
      log.error({ event: 'state.outdated', problem }, what);
    } else {
      const what = 'the state cannot be reached: its last snapshot stays in force';
      log.error({ event: 'state.unreachable', problem }, what);
    }
  });
}
