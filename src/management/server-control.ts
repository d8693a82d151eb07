import type { ServerRecord, ServerSettings, UserRecord } from '../state/records.ts';
import type { StateSnapshot } from '../state/state-store.ts';

/** The API's states of a server. */
export type ServerState = 'OFFLINE' | 'ONLINE' | 'STARTING' | 'STOPPING' | 'START_FAILED' | 'STOP_FAILED';

/** A setting that cannot work here. `member`: the API's name of it, such as `ProtocolDetails.SftpPorts`. */
export class SettingRefused extends Error {
  override readonly name = 'SettingRefused';
  readonly member: string;

  constructor(member: string, message: string) {
    super(message);
    this.member = member;
  }
}

/** A host key as the API shows it. */
export interface HostKeyFacts {
  readonly type: string;
  /** `SHA256:…` with its padding. */
  readonly fingerprint: string;
}

/** A server of the configuration file: the API shows it and changes nothing of it. */
export interface FileServer {
  readonly serverId: string;
  /** The configuration file. */
  readonly file: string;
  readonly server: ServerRecord;
  readonly users: readonly UserRecord[];
  readonly hostKeys: readonly (HostKeyFacts & { readonly hostKeyId: string })[];
}

/** What the management API needs of the node that it runs in. */
export interface ServerControl {
  /** Of the configuration file, where it has users of its own. */
  readonly fileServer: FileServer | null;
  stateOf(serverId: string): ServerState;
  /**
   * Resolves once this node does what the state asks of that server (its port is open or closed, as wanted), or has failed to:
   * then `stateOf` says START_FAILED or STOP_FAILED. Also for a server that is gone.
   */
  settled(serverId: string): Promise<void>;
  /** The next port of the configured range that no server has. @throws SettingRefused where there is none */
  freePort(snapshot: StateSnapshot): number;
  /** @throws SettingRefused for what cannot work on this installation: policy, port, protocols, provider */
  checkServer(settings: ServerSettings, hostKeys: readonly string[]): void;
  /** @throws SettingRefused: role, home, mappings, session policy, `latticeport:` tags */
  checkUser(user: Omit<UserRecord, 'revision'>): void;
  /** @throws SettingRefused where it is no private key that can be used */
  inspectHostKey(privateKey: string): HostKeyFacts;
  /** The host keys of a new server that brings none: private keys in OpenSSH's format. */
  makeHostKeys(): Promise<readonly string[]>;
  /** Resolves when the state has the sessions of this node as they are now, or has not answered. Those of others it has anyway. */
  reportSessions(): Promise<void>;
}
