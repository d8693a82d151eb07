import type { Permission } from '../vfs/permissions.ts';
import type { UserView } from '../vfs/user-view.ts';
import { decodePath, type ClientPath } from '../vfs/client-path.ts';
import type { SshReader } from '../wire/reader.ts';
import type { OwnerPolicy } from './attributes.ts';
import type { SftpAction } from './events.ts';
import type { HandleTable } from './handle-table.ts';
import type { IdentityNames } from './identity-names.ts';
import { MAX_HANDLE_BYTES, type SftpLimits } from './limits.ts';
import type { OpenHandle } from './open-handle.ts';
import type { WritePacket } from './packet-stream.ts';
import type { Reply } from './reply.ts';

/** What the handlers of one session have in common. */
export interface RequestContext {
  readonly view: UserView;
  readonly handles: HandleTable;
  readonly limits: SftpLimits;
  readonly names: IdentityNames;
  /** Mode bits taken away from new files and directories. */
  readonly umask: number;
  readonly owners: OwnerPolicy;
  readonly readOnly: boolean;
  /** Bytes that the client may send ahead, as it is now. */
  readonly window: () => number;
  /** Fires when the session is over: what nobody waits for any more, and nothing acknowledged depends on, may stop. */
  readonly ended: AbortSignal;
  /** Fires when there is no time left, also for what an acknowledgement that nobody reads would have depended on. */
  readonly cutOff: AbortSignal;
}

/** A request whose bytes have been read: what it touches, and how to do it when its turn has come. */
export interface Plan {
  /** Runs beside others of its kind on its handle. Without it the request takes its turn at the session's lock. */
  readonly io?: 'read' | 'write';
  /** The handles it uses: it waits for earlier requests on them. */
  readonly handles?: readonly OpenHandle[];
  /** It changes nothing: at the lock it runs beside its neighbours that only look, which pays where a store is far. */
  readonly onlyLooks?: boolean;
  /** Bytes that a READ or READDIR may answer with, for the limit on them. */
  readonly readBytes?: number;
  /** Only where the request's row says 'by flags'. */
  readonly needs?: readonly Permission[];
  readonly writes?: boolean;
  /** The handle that no later request finds any more. */
  readonly closes?: OpenHandle;
  /** For the audit log; asked for after the run. */
  readonly action?: () => SftpAction;
  readonly run: () => Promise<Reply>;
}

interface RowBase {
  /** As in OpenSSH's `sftp-server -Q requests`: for allow and deny lists, audit, metrics and documentation. */
  readonly name: string;
  /** What the user must be allowed; 'by flags' where the plan says it. */
  readonly permission: Permission | 'none' | 'by flags';
  /** Whether it changes anything: refused in read-only mode. */
  readonly writes: boolean | 'by flags';
}

export interface PlainRow extends RowBase {
  readonly packet: 'plain';
  /** Reads the fields after the id. Throws WireError, SftpStatus or StorageError; nothing has happened then. */
  readonly prepare: (context: RequestContext, reader: SshReader) => Plan;
}

/** SSH_FXP_WRITE, whose data is not in one buffer. */
export interface WriteRow extends RowBase {
  readonly packet: 'write';
  readonly prepare: (context: RequestContext, packet: WritePacket) => Plan;
}

export type RequestRow = PlainRow | WriteRow;

/** SSH_FXP_EXTENDED by its name (§8). */
export interface ExtensionRow extends PlainRow {
  readonly extensionName: string;
  /** The data in SSH_FXP_VERSION: the revision that clients look for. */
  readonly revision: string;
  /** Whether the user's stores can do it. */
  readonly available: (view: UserView) => boolean;
}

/** A `string` that is a path, made plain. */
export function readPath(context: RequestContext, reader: SshReader): ClientPath {
  return context.view.resolve(readText(reader));
}

/** A `string` that is a path, as the client wrote it. */
export function readText(reader: SshReader): string {
  return decodePath(reader.string());
}

/** The bytes of a `string` that is a handle. */
export function readHandle(reader: SshReader): Buffer {
  return reader.string(MAX_HANDLE_BYTES);
}
