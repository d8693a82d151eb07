/** What an ARN of ours names. */
export type NamedResource =
  | { readonly kind: 'server'; readonly serverId: string }
  | { readonly kind: 'user'; readonly serverId: string; readonly userName: string }
  | { readonly kind: 'host-key'; readonly serverId: string; readonly hostKeyId: string };

/** Writes and reads the ARNs of one installation, in the service's form: `arn:aws:transfer:REGION:ACCOUNT:server/s-…`. */
export class Arns {
  readonly #prefix: string;

  constructor(region: string, account: string) {
    this.#prefix = `arn:aws:transfer:${region}:${account}:`;
  }

  server(serverId: string): string {
    return `${this.#prefix}server/${serverId}`;
  }

  user(serverId: string, userName: string): string {
    return `${this.#prefix}user/${serverId}/${userName}`;
  }

  hostKey(serverId: string, hostKeyId: string): string {
    return `${this.#prefix}host-key/${serverId}/${hostKeyId}`;
  }

  /** The service has no ARN of an access. In the audit trail it has one. */
  access(serverId: string, externalId: string): string {
    return `${this.#prefix}access/${serverId}/${externalId}`;
  }

  /** Nor has it sessions. */
  session(serverId: string, sessionId: string): string {
    return `${this.#prefix}session/${serverId}/${sessionId}`;
  }

  /** null: not the ARN of a server, user or host key, or of another region or account. */
  parse(arn: string): NamedResource | null {
    if (!arn.startsWith(this.#prefix)) return null;
    const [kind, serverId, name, ...more] = arn.slice(this.#prefix.length).split('/');
    if (serverId === undefined || serverId === '' || name === '' || more.length > 0) return null;
    switch (kind) {
      case 'server':
        return name === undefined ? { kind, serverId } : null;
      case 'user':
        return name === undefined ? null : { kind, serverId, userName: name };
      case 'host-key':
        return name === undefined ? null : { kind, serverId, hostKeyId: name };
      default:
        return null;
    }
  }
}
