import type {
  NodeSessions,
  OpenSession,
  OpenSessions,
  SessionOnNode,
  SessionQuery,
} from '../../../src/state/open-sessions.ts';

/** The list of open sessions of one test, in memory. Nodes of it never die. */
export class MemorySessions implements OpenSessions {
  readonly #byNode = new Map<string, readonly SessionOnNode[]>();
  readonly #ends = new Map<string, string[]>();

  /** All of them, in their order. */
  get all(): readonly SessionOnNode[] {
    return [...this.#byNode.values()]
      .flat()
      .sort((one, other) => one.connectedAt - other.connectedAt || (one.sessionId < other.sessionId ? -1 : 1));
  }

  asNode(name: string): NodeSessions {
    const node = `node-${name}`;
    return {
      report: (sessions: readonly OpenSession[]) => {
        this.#byNode.set(
          node,
          sessions.map((session) => ({ ...session, node, nodeName: name })),
        );
        return Promise.resolve();
      },
      takeEnds: () => {
        const asked = this.#ends.get(node) ?? [];
        this.#ends.delete(node);
        return Promise.resolve(asked);
      },
      leave: () => {
        this.#byNode.delete(node);
        return Promise.resolve();
      },
    };
  }

  list({ servers, userName, after, limit }: SessionQuery): Promise<readonly SessionOnNode[]> {
    const isBehind = ({ connectedAt, sessionId }: OpenSession): boolean =>
      after === null ||
      connectedAt > after.connectedAt ||
      (connectedAt === after.connectedAt && sessionId > after.sessionId);
    const wanted = this.all.filter(
      (session) =>
        isBehind(session) &&
        (servers === null || servers.includes(session.serverId)) &&
        (userName === null || session.userName === userName),
    );
    return Promise.resolve(wanted.slice(0, limit));
  }

  askEnd({ node, sessionId }: Pick<SessionOnNode, 'node' | 'sessionId'>): void {
    this.#ends.set(node, [...(this.#ends.get(node) ?? []), sessionId]);
  }
}
