import type { OpenSession, SessionOnNode } from '../../state/open-sessions.ts';
import type { Operations } from '../operation.ts';
import type { ListedSession } from '../session-types.ts';
import { Arns } from './arns.ts';
import type { OperationsContext } from './context.ts';
import { MAX_PAGE } from './limits.ts';
import { foreignToken, readToken, tokenAfter } from './paging.ts';
import { notFound } from './refusals.ts';
import { ServerAccess } from './server-access.ts';

type Place = Pick<OpenSession, 'connectedAt' | 'sessionId'>;

/** Where a page has ended. */
const PLACE = /^(\d{1,15})\/([0-9a-f]{16})$/;

/** Sessions that are open now, on all nodes. The state has what the nodes have told last; this node tells it at once. */
export function sessionOperations(context: OperationsContext): Pick<Operations, 'ListSessions' | 'EndSession'> {
  const { store, control } = context;
  const access = new ServerAccess(context);
  const arns = new Arns(context.region, context.account);
  return {
    async ListSessions({ ServerId, UserName, MaxResults = MAX_PAGE, NextToken }, caller) {
      const name = ['ListSessions', ServerId ?? '', UserName ?? ''];
      const after = NextToken === undefined ? null : placeOf(readToken(name, NextToken));
      const visible = access.all(caller);
      if (ServerId !== undefined && !access.mayKnowOf(caller, ServerId)) throw notFound('Server', ServerId);
      const all = caller.accessKey.serverTag === null ? null : [...visible.keys()];
      const servers = ServerId === undefined ? all : [ServerId];
      if (after === null) await control.reportSessions();
      const found = await store.sessions.list({ servers, userName: UserName ?? null, after, limit: MaxResults + 1 });
      if (ServerId !== undefined && found.length === 0 && !visible.has(ServerId)) throw notFound('Server', ServerId);
      const page = found.slice(0, MaxResults);
      const last = page.at(-1);
      return {
        Sessions: page.map(listed),
        ...(last !== undefined && found.length > MaxResults ? { NextToken: tokenAfter(name, placeInWords(last)) } : {}),
      };
    },

    async EndSession({ SessionId }, caller) {
      await control.reportSessions();
      await store.change(caller.author, async (state) => {
        const session = await state.openSession(SessionId);
        if (session === null || !access.mayKnowOf(caller, session.serverId)) throw notFound('Session', SessionId);
        await state.endSession(session);
        const { SessionId: _, ServerId: __, ...before } = listed(session);
        const resource = arns.session(session.serverId, SessionId);
        state.audit({ operation: 'EndSession', resource, before, after: null });
      });
      return null;
    },
  };
}

function listed(session: SessionOnNode): ListedSession {
  const { clientVersion, kex, postQuantum } = session;
  return {
    SessionId: session.sessionId,
    ServerId: session.serverId,
    UserName: session.userName,
    RemoteAddress: session.remoteAddress,
    ...(clientVersion === null ? {} : { ClientVersion: clientVersion }),
    AuthenticationMethod: session.method,
    ...(kex === null ? {} : { Kex: kex }),
    ...(postQuantum === null ? {} : { PostQuantum: postQuantum }),
    ConnectedAt: new Date(session.connectedAt),
    OpenFiles: session.openFiles,
    BytesIn: session.bytesIn,
    BytesOut: session.bytesOut,
    Node: session.nodeName,
  };
}

function placeInWords({ connectedAt, sessionId }: Place): string {
  return `${connectedAt}/${sessionId}`;
}

function placeOf(words: string): Place {
  const [, connectedAt, sessionId = ''] = PLACE.exec(words) ?? [];
  if (connectedAt === undefined) throw foreignToken();
  return { connectedAt: Number(connectedAt), sessionId };
}
