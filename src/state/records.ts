import type {
  CreateAccessRequest,
  CreateServerRequest,
  CreateUserRequest,
  ProtocolDetails,
  Tag as ApiTag,
} from '@aws-sdk/client-transfer';

/** What every record of the state has. A record is an immutable value: a change replaces it. */
interface Versioned {
  /** The revision of the state in which it was last changed; see `StateSnapshot.revision`. */
  readonly revision: number;
}

export interface Tag {
  readonly Key: NonNullable<ApiTag['Key']>;
  readonly Value: NonNullable<ApiTag['Value']>;
}

/** A port of a server, as `ProtocolDetails.SftpPorts` of the API has it. The SDK does not know it yet. */
export interface SftpPort {
  readonly SftpPort: number;
  readonly CommunicationMode?: 'SERVER_TALK_FIRST' | 'CLIENT_TALK_FIRST';
}

export type ServerProtocolDetails = ProtocolDetails & { readonly SftpPorts?: readonly SftpPort[] };

/**
 * What CreateServer and UpdateServer give a server, with the API's names and shapes, so that Describe answers what was sent.
 * Its host key and tags stand elsewhere.
 */
export type ServerSettings = Omit<CreateServerRequest, 'HostKey' | 'Tags' | 'ProtocolDetails'> & {
  readonly ProtocolDetails?: ServerProtocolDetails | undefined;
};

/** A server, ONLINE or OFFLINE: an SFTP endpoint with its own policy, host keys, users and port. */
export interface ServerRecord extends Versioned {
  /** `s-` and 17 hexadecimal digits. */
  readonly serverId: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** What the operator wants it to be: every node opens or closes the port after it. */
  readonly wanted: 'ONLINE' | 'OFFLINE';
  /** The TCP port that it has on every node, from its creation on. */
  readonly port: number;
  readonly settings: ServerSettings;
  readonly tags: readonly Tag[];
}

export interface UserKey {
  /** `key-` and 17 hexadecimal digits. */
  readonly keyId: string;
  /** Milliseconds since the epoch. */
  readonly importedAt: number;
  /** One line as in authorized_keys, as it was sent. */
  readonly body: string;
}

/** What CreateUser and UpdateUser give a user, with the API's names and shapes. */
export type UserSettings = Omit<CreateUserRequest, 'ServerId' | 'UserName' | 'SshPublicKeyBody' | 'Tags'>;

export interface UserRecord extends Versioned {
  readonly serverId: string;
  readonly userName: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly settings: UserSettings;
  /** At most 50. */
  readonly keys: readonly UserKey[];
  readonly tags: readonly Tag[];
}

export interface HostKeyRecord extends Versioned {
  readonly serverId: string;
  /** `hostkey-` and 17 hexadecimal digits. */
  readonly hostKeyId: string;
  /** Milliseconds since the epoch. */
  readonly importedAt: number;
  readonly description: string | null;
  /** `ssh-ed25519`, `ssh-rsa`, … */
  readonly type: string;
  /** `SHA256:…` with its padding, as the API shows it. */
  readonly fingerprint: string;
  /** The private key in OpenSSH's or a PEM format. At rest it is encrypted. */
  readonly privateKey: string;
  readonly tags: readonly Tag[];
}

/** An access of a directory group (CreateAccess): stored, and used once there is a provider for it. */
export interface AccessRecord extends Versioned {
  readonly serverId: string;
  readonly externalId: string;
  readonly settings: Omit<CreateAccessRequest, 'ServerId' | 'ExternalId'>;
}

/** What an access key of the management API may do. */
export type AccessKeyRole = 'admin' | 'operator' | 'read-only';

/** Who may call the management API. */
export interface AccessKeyRecord extends Versioned {
  /** `LPAK` and 16 letters and digits. */
  readonly accessKeyId: string;
  /** SigV4 needs it as it is. At rest it is encrypted. */
  readonly secretAccessKey: string;
  readonly role: AccessKeyRole;
  /** Only servers that have this tag, where it is not null. */
  readonly serverTag: Tag | null;
  readonly description: string | null;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly disabled: boolean;
}

/** Who changes something, for the audit trail. */
export interface Author {
  /** The access key, or `latticeport` where a command or the server itself does it. */
  readonly accessKeyId: string;
  /** Empty where nobody is connected. */
  readonly remoteAddress: string;
}

/** The server itself, or a command on its machine. */
export const LATTICEPORT: Author = { accessKeyId: 'latticeport', remoteAddress: '' };

/** One change, as the audit trail keeps it. `before` and `after` hold no secrets. */
export interface AuditRecord extends Author {
  readonly revision: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** `CreateServer`, … */
  readonly operation: string;
  /** The ARN, or what stands for it. */
  readonly resource: string;
  readonly before: unknown;
  readonly after: unknown;
}
