import type { IdentityProvider } from '../auth/identity.ts';
import type { Config } from '../config/schema.ts';
import type { ProgramChannel } from '../connection/channel.ts';
import type { ReceiveWindows } from '../connection/receive-windows.ts';
import type { PrivateKey, SignatureAlgorithm } from '../crypto/keys/key.ts';
import type { RevocationList } from '../crypto/keys/revocation-list.ts';
import type { AlgorithmLists } from '../policy/security-policy.ts';
import type { ReadBudget } from '../sftp/read-budget.ts';
import type { HostCertificate } from '../transport/host-credential.ts';
import type { AddressRules } from './address-networks.ts';
import type { Admission } from './admission.ts';
import type { DescriptorShares } from './descriptors.ts';
import type { Insisting } from './insistence.ts';
import type { ProxyRules } from './proxy/proxy-rules.ts';
import type { SessionPublisher } from './session-publisher.ts';
import type { SftpHandler } from './sftp-sessions.ts';
import type { User } from './users.ts';

/** What every session of a server shares. */
export interface SessionEnvironment {
  /** Whose events the sessions publish. */
  readonly server: string;
  readonly config: Config;
  /** `SSH-2.0-Latticeport_x.y`. */
  readonly version: string;
  /** What may be listed for a client. */
  readonly algorithms: AlgorithmLists;
  /** All methods of the policy: `algorithms` may have only the post-quantum ones. */
  readonly policyKex: readonly string[];
  readonly insisting: Insisting;
  /** Which connections are a balancer's, and who is behind it. */
  readonly proxy: ProxyRules;
  /** From where clients may connect. */
  readonly addressRules: AddressRules;
  readonly hostKeys: readonly PrivateKey[];
  readonly hostCertificates: readonly HostCertificate[];
  readonly groupExchangeMinBits: number;
  readonly userKeyAlgorithms: readonly SignatureAlgorithm[];
  readonly users: IdentityProvider<User>;
  /** Those that are revoked now, also for a session that began before they were. */
  readonly revokedKeys: RevocationList;
  readonly admission: Admission;
  readonly windows: ReceiveWindows;
  /** Connections that there is room for. */
  readonly capacity: DescriptorShares;
  /** Makes the program of an `sftp` subsystem. */
  openSftp(user: User, channel: ProgramChannel, events: SessionPublisher, readBudget: ReadBudget): SftpHandler;
}
