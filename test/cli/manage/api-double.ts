import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

type Members = Record<string, unknown>;

interface Keeper {
  readonly server: Members;
  readonly users: Map<string, Members>;
  readonly hostKeys: Map<string, Members>;
}

interface TlsFiles {
  readonly key: string;
  readonly cert: string;
}

/** One call as it came over the wire. */
export interface Call {
  readonly operation: string;
  readonly input: Members;
  readonly authorization: string;
}

class Refused extends Error {
  readonly exception: string;
  readonly members: Members;
  constructor(exception: string, message: string, members: Members = {}) {
    super(message);
    this.exception = exception;
    this.members = members;
  }
}

/** A page of a list, so that every list has several. */
const PAGE = 2;
const POLICIES = [
  'TransferSecurityPolicy-2024-01',
  'TransferSecurityPolicy-2025-03',
  'TransferPQSecurityPolicy-2026-11',
];

/** The management API with servers, users and keys in memory: awsJson1_1 over HTTP, pages of two, no checks of signatures. */
export class ApiDouble {
  readonly calls: Call[] = [];
  /** What the next calls of an operation are refused with, first come first served. */
  readonly refusals: { operation: string; exception: string; message: string; members?: Members }[] = [];
  /** What becomes of a server that is started. */
  startState = 'ONLINE';
  readonly #keepers = new Map<string, Keeper>();
  readonly #http: Server;
  readonly #scheme: string;
  #ids = 0;

  private constructor(tls: TlsFiles | null) {
    const listener = (request: IncomingMessage, response: ServerResponse): void => {
      void this.#answer(request).then(({ status, body }) => {
        response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-requestid': 'double' });
        response.end(body);
      });
    };
    this.#http = tls === null ? createServer(listener) : createTlsServer(tls, listener);
    this.#scheme = tls === null ? 'http' : 'https';
  }

  /** With `tls`: over HTTPS. */
  static async start(tls: TlsFiles | null = null): Promise<ApiDouble> {
    const double = new ApiDouble(tls);
    await new Promise<void>((resolve) => double.#http.listen(0, '127.0.0.1', resolve));
    return double;
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  /** The environment in which the commands find it. */
  get environment(): Record<string, string> {
    return { AWS_ENDPOINT_URL_TRANSFER: this.url, AWS_ACCESS_KEY_ID: 'LPAKTEST', AWS_SECRET_ACCESS_KEY: 'secret' };
  }

  async stop(): Promise<void> {
    await new Promise((resolve) => {
      this.#http.close(resolve);
      this.#http.closeAllConnections();
    });
  }

  /** The operations that were called since the last time, without those that only read. */
  changes(): string[] {
    const names = this.calls.splice(0).map(({ operation }) => operation);
    return names.filter((name) => !/^(List|Describe)/.test(name));
  }

  async #answer(request: IncomingMessage): Promise<{ status: number; body: string }> {
    const operation = String(request.headers['x-amz-target']).replace('TransferService.', '');
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    try {
      const input = JSON.parse(Buffer.concat(chunks).toString()) as Members;
      this.calls.push({ operation, input, authorization: request.headers.authorization ?? '' });
      const refusal = this.refusals.findIndex((each) => each.operation === operation);
      const [refused] = refusal < 0 ? [] : this.refusals.splice(refusal, 1);
      if (refused !== undefined) throw new Refused(refused.exception, refused.message, refused.members);
      const answer = this.#run(operation, input);
      return { status: 200, body: answer === null ? '' : JSON.stringify(answer) };
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return {
        status: 400,
        body: JSON.stringify({ __type: error.exception, Message: error.message, ...error.members }),
      };
    }
  }

  #run(operation: string, input: Members): Members | null {
    const ServerId = String(input['ServerId']);
    switch (operation) {
      case 'CreateServer':
        return this.#createServer(input);
      case 'ListServers':
        return page(
          'Servers',
          input,
          [...this.#keepers.values()].map((keeper) => withCount(keeper)),
        );
      case 'ListSecurityPolicies':
        return page('SecurityPolicyNames', input, POLICIES);
      case 'DescribeSecurityPolicy':
        return {
          SecurityPolicy: { SecurityPolicyName: input['SecurityPolicyName'], SshKexs: ['mlkem768x25519-sha256'] },
        };
      case 'TagResource':
      case 'UntagResource':
        return this.#tag(input);
      case 'DeleteServer':
        this.#keeper(ServerId);
        this.#keepers.delete(ServerId);
        return null;
    }
    const keeper = this.#keeper(ServerId);
    const user = (): Members => found(keeper.users, input['UserName'], 'User');
    switch (operation) {
      case 'DescribeServer':
        return { Server: withCount(keeper) };
      case 'UpdateServer':
        Object.assign(keeper.server, input);
        return { ServerId };
      case 'StartServer':
      case 'StopServer':
        keeper.server['State'] = operation === 'StartServer' ? this.startState : 'OFFLINE';
        return null;
      case 'CreateUser':
        return this.#createUser(keeper, input);
      case 'ListUsers':
        return page('Users', input, [...keeper.users.values()].map(listedUser));
      case 'DescribeUser':
        return { ServerId, User: user() };
      case 'UpdateUser': {
        const { ServerId: _, ...changes } = input;
        Object.assign(user(), changes);
        return { ServerId, UserName: input['UserName'] };
      }
      case 'DeleteUser':
        user();
        keeper.users.delete(String(input['UserName']));
        return null;
      case 'ImportSshPublicKey': {
        const key = this.#key(String(input['SshPublicKeyBody']));
        keysOf(user()).push(key);
        return { ServerId, UserName: input['UserName'], SshPublicKeyId: key['SshPublicKeyId'] };
      }
      case 'DeleteSshPublicKey': {
        const keys = keysOf(user());
        const index = keys.findIndex((key) => key['SshPublicKeyId'] === input['SshPublicKeyId']);
        if (index < 0)
          throw new Refused('ResourceNotFoundException', 'no such key', { Resource: 'x', ResourceType: 'Key' });
        keys.splice(index, 1);
        return null;
      }
      case 'ImportHostKey': {
        const HostKeyId = this.#id('hostkey');
        keeper.hostKeys.set(HostKeyId, {
          Arn: `arn:aws:transfer:us-east-1:000000000000:host-key/${ServerId}/${HostKeyId}`,
          HostKeyId,
          HostKeyFingerprint: fingerprint(String(input['HostKeyBody'])),
          Description: input['Description'],
          Type: 'ssh-ed25519',
          DateImported: 1_796_000_000,
        });
        return { ServerId, HostKeyId };
      }
      case 'ListHostKeys':
        return page(
          'HostKeys',
          input,
          [...keeper.hostKeys.values()].map(({ HostKeyFingerprint, ...key }) => ({
            ...key,
            Fingerprint: HostKeyFingerprint,
          })),
        );
      case 'DescribeHostKey':
        return { HostKey: found(keeper.hostKeys, input['HostKeyId'], 'HostKey') };
      case 'DeleteHostKey':
        found(keeper.hostKeys, input['HostKeyId'], 'HostKey');
        keeper.hostKeys.delete(String(input['HostKeyId']));
        return null;
      default:
        throw new Refused('InvalidRequestException', `not supported: ${operation}`);
    }
  }

  #createServer({ HostKey, ...settings }: Members): Members {
    const ServerId = this.#id('s');
    const server = {
      State: 'ONLINE',
      IdentityProviderType: 'SERVICE_MANAGED',
      Domain: 'S3',
      SecurityPolicyName: 'TransferSecurityPolicy-2024-01',
      ...settings,
      Arn: `arn:aws:transfer:us-east-1:000000000000:server/${ServerId}`,
      ServerId,
      HostKeyFingerprint: fingerprint(typeof HostKey === 'string' ? HostKey : ServerId),
      ProtocolDetails: {
        SftpPorts: [{ SftpPort: 2200 + this.#ids }],
        ...(settings['ProtocolDetails'] as Members | undefined),
      },
    };
    this.#keepers.set(ServerId, { server, users: new Map(), hostKeys: new Map() });
    return { ServerId };
  }

  #createUser({ users }: Keeper, { ServerId, SshPublicKeyBody, ...settings }: Members): Members {
    const UserName = String(settings['UserName']);
    if (users.has(UserName)) {
      throw new Refused('ResourceExistsException', `User ${UserName} exists`, {
        Resource: UserName,
        ResourceType: 'User',
      });
    }
    users.set(UserName, {
      ...settings,
      Arn: `arn:aws:transfer:us-east-1:000000000000:user/${String(ServerId)}/${UserName}`,
      SshPublicKeys: typeof SshPublicKeyBody === 'string' ? [this.#key(SshPublicKeyBody)] : [],
    });
    return { ServerId, UserName };
  }

  #tag(input: Members): null {
    const all = [...this.#keepers.values()].flatMap(({ server, users }) => [server, ...users.values()]);
    const tagged = all.find(({ Arn }) => Arn === input['Arn']);
    if (tagged === undefined)
      throw new Refused('ResourceNotFoundException', 'no such resource', { Resource: 'x', ResourceType: 'x' });
    const added = (input['Tags'] ?? []) as { Key: string }[];
    const keys = [...added.map(({ Key }) => Key), ...((input['TagKeys'] ?? []) as string[])];
    const kept = ((tagged['Tags'] ?? []) as { Key: string }[]).filter(({ Key }) => !keys.includes(Key));
    tagged['Tags'] = [...kept, ...added];
    return null;
  }

  #keeper(id: string): Keeper {
    const keeper = this.#keepers.get(id);
    if (keeper === undefined)
      throw new Refused('ResourceNotFoundException', 'Unknown server', { Resource: id, ResourceType: 'Server' });
    return keeper;
  }

  #key(body: string): Members {
    return { SshPublicKeyId: this.#id('key'), SshPublicKeyBody: body, DateImported: 1_796_000_000 };
  }

  #id(prefix: string): string {
    return `${prefix}-${(++this.#ids).toString(16).padStart(17, '0')}`;
  }
}

function page(name: string, { NextToken }: Members, all: readonly unknown[]): Members {
  const start = Number(NextToken ?? 0);
  const items = all.slice(start, start + PAGE);
  return { [name]: items, ...(start + PAGE < all.length && { NextToken: String(start + PAGE) }) };
}

function withCount({ server, users }: Keeper): Members {
  return { ...server, UserCount: users.size };
}

function listedUser(user: Members): Members {
  return { ...user, SshPublicKeyCount: keysOf(user).length };
}

function keysOf(user: Members): Members[] {
  return user['SshPublicKeys'] as Members[];
}

function found(all: ReadonlyMap<string, Members>, name: unknown, type: string): Members {
  const item = all.get(String(name));
  if (item === undefined)
    throw new Refused('ResourceNotFoundException', `Unknown ${type}`, { Resource: String(name), ResourceType: type });
  return item;
}

/** Not of the key, but of its text. */
export function fingerprint(text: string): string {
  return `SHA256:${createHash('sha256').update(text).digest('base64')}`;
}
