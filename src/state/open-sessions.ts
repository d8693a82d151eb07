/** A session that is open now, as its node last told it. */
export interface OpenSession {
  /** 16 hexadecimal digits. */
  readonly sessionId: string;
  readonly serverId: string;
  readonly userName: string;
  readonly remoteAddress: string;
  readonly clientVersion: string | null;
  /** How the user logged in: `publickey`, `password`. */
  readonly method: string;
  /** The key exchange method of the last exchange. */
  readonly kex: string | null;
  readonly postQuantum: boolean | null;
  /** Milliseconds since the epoch. */
  readonly connectedAt: number;
  readonly openFiles: number;
  /** Of the connection, with all that SSH adds. */
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** A session, and which node has it. */
export interface SessionOnNode extends OpenSession {
  /** Another one at each start of a process. */
  readonly node: string;
  /** For people: the node's machine. */
  readonly nodeName: string;
}

/** Which sessions are wanted. They come in the order of `connectedAt`, then of `sessionId`. */
export interface SessionQuery {
  /** Of these servers; null: of all. */
  readonly servers: readonly string[] | null;
  readonly userName: string | null;
  /** Only what comes behind it. */
  readonly after: Pick<OpenSession, 'connectedAt' | 'sessionId'> | null;
  readonly limit: number;
}

/** One node's part of the list. Its calls come one after the other. */
export interface NodeSessions {
  /** Tells all that is open on the node: a heartbeat. Only what has changed is written. @throws StateUnavailable */
  report(sessions: readonly OpenSession[]): Promise<void>;
  /** The sessions of the node that somebody has asked to end since the last call. @throws StateUnavailable */
  takeEnds(): Promise<readonly string[]>;
  /** The node has no sessions any more. @throws StateUnavailable */
  leave(): Promise<void>;
}

/**
 * The sessions that are open now, on all nodes. They are no part of a snapshot and have no revision. Those of a node that has not
 * reported for NODE_EXPIRY_MS, by the database's clock, are not there.
 */
export interface OpenSessions {
  asNode(name: string): NodeSessions;
  /** @throws StateUnavailable */
  list(query: SessionQuery): Promise<readonly SessionOnNode[]>;
}
