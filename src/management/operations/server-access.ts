import { ApiError } from '../api-error.ts';
import type { Caller } from '../operation.ts';
import type { HostKeyFacts } from '../server-control.ts';
import type { AccessRecord, HostKeyRecord, ServerRecord, Tag, UserRecord } from '../../state/records.ts';
import type { StateTransaction } from '../../state/state-store.ts';
import type { OperationsContext } from './context.ts';
import { notFound } from './refusals.ts';

/** A host key as the API shows it. What a key of the configuration file has not, is null. */
export interface ShownHostKey extends HostKeyFacts {
  readonly hostKeyId: string;
  readonly record: HostKeyRecord | null;
}

/** A server that a caller may see: of the state, or of the configuration file. */
export interface ShownServer {
  readonly record: ServerRecord;
  readonly users: ReadonlyMap<string, UserRecord>;
  /** By id. */
  readonly hostKeys: ReadonlyMap<string, ShownHostKey>;
  readonly accesses: ReadonlyMap<string, AccessRecord>;
}

const NONE: ReadonlyMap<string, never> = new Map<string, never>();

/**
 * Which servers a caller may see and change. An access key that is limited to a tag knows only servers that have it: all
 * others do not exist for it.
 */
export class ServerAccess {
  readonly #context: OperationsContext;

  constructor(context: OperationsContext) {
    this.#context = context;
  }

  /** All that the caller may see, by id, from the snapshot. */
  all(caller: Caller): ReadonlyMap<string, ServerRecord> {
    const { snapshot } = this.#context.store;
    const fileServer = this.#context.control.fileServer?.server;
    const all = [...snapshot.servers.values(), ...(fileServer === undefined ? [] : [fileServer])];
    return new Map(all.filter((server) => isInScope(caller, server.tags)).map((server) => [server.serverId, server]));
  }

  /**
   * Whether the caller may know of what belongs to that server. Who is not limited may of every one, also of the server of another
   * node's configuration file, which is not known here.
   */
  mayKnowOf(caller: Caller, serverId: string): boolean {
    return caller.accessKey.serverTag === null || this.all(caller).has(serverId);
  }

  /** From the snapshot: reading waits for nothing. @throws ApiError ResourceNotFoundException */
  shown(caller: Caller, serverId: string): ShownServer {
    const { snapshot } = this.#context.store;
    const fileServer = this.#fileServer(serverId);
    const record = fileServer?.server ?? snapshot.servers.get(serverId);
    if (record === undefined || !isInScope(caller, record.tags)) throw notFound('Server', serverId);
    if (fileServer !== null) {
      return {
        record,
        users: new Map(fileServer.users.map((user) => [user.userName, user])),
        hostKeys: new Map(fileServer.hostKeys.map((key) => [key.hostKeyId, { ...key, record: null }])),
        accesses: NONE,
      };
    }
    const hostKeys: ReadonlyMap<string, HostKeyRecord> = snapshot.hostKeys.get(serverId) ?? NONE;
    return {
      record,
      users: snapshot.users.get(serverId) ?? NONE,
      hostKeys: new Map([...hostKeys.values()].map((record) => [record.hostKeyId, { ...factsOf(record), record }])),
      accesses: snapshot.accesses.get(serverId) ?? NONE,
    };
  }

  userCount(serverId: string): number {
    return this.#fileServer(serverId)?.users.length ?? this.#context.store.snapshot.users.get(serverId)?.size ?? 0;
  }

  /**
   * Changes something of a server of the state, in one transaction that sees it as it is now.
   * @throws ApiError ResourceNotFoundException, ConflictException for the server of the configuration file
   */
  async change<Result>(
    caller: Caller,
    serverId: string,
    work: (state: StateTransaction, server: ServerRecord) => Promise<Result>,
  ): Promise<Result> {
    const fileServer = this.#fileServer(serverId);
    if (fileServer !== null) {
      // A caller that may not see it is not told that it is there.
      this.shown(caller, serverId);
      throw new ApiError(
        'ConflictException',
        `${serverId} is the server of the configuration file ${fileServer.file}, and can be changed only there`,
      );
    }
    return await this.#context.store.change(caller.author, async (state) => {
      const server = await state.server(serverId);
      if (server === null || !isInScope(caller, server.tags)) throw notFound('Server', serverId);
      return await work(state, server);
    });
  }

  #fileServer(serverId: string) {
    const { fileServer } = this.#context.control;
    return fileServer?.serverId === serverId ? fileServer : null;
  }
}

function factsOf({ hostKeyId, type, fingerprint }: HostKeyRecord) {
  return { hostKeyId, type, fingerprint };
}

function isInScope({ accessKey: { serverTag } }: Caller, tags: readonly Tag[]): boolean {
  return serverTag === null || tags.some(({ Key, Value }) => Key === serverTag.Key && Value === serverTag.Value);
}

/** Whoever is limited to the servers of a tag can neither make one without it nor take it away. @throws ApiError AccessDeniedException */
export function checkStaysInScope(caller: Caller, tags: readonly Tag[]): void {
  if (isInScope(caller, tags)) return;
  const { Key = '', Value = '' } = caller.accessKey.serverTag ?? {};
  throw new ApiError('AccessDeniedException', `This access key is limited to servers with the tag ${Key}=${Value}`);
}
