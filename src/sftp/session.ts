import { StorageError } from '../storage/object-store.ts';
import type { UserView } from '../vfs/user-view.ts';
import { SshReader } from '../wire/reader.ts';
import type { OwnerPolicy } from './attributes.ts';
import type { SftpAction, SftpObserver } from './events.ts';
import { acquireAll, GroupLock, type LockRequest } from './group-lock.ts';
import { HandleTable, type DescriptorShare } from './handle-table.ts';
import { NO_IDENTITY_NAMES, type IdentityNames } from './identity-names.ts';
import { DEFAULT_SFTP_LIMITS, FINISH_MS, type SftpLimits } from './limits.ts';
import { PacketStream, type IncomingPacket } from './packet-stream.ts';
import { SFTP_VERSION, SSH_FX, SSH_FXP } from './protocol.ts';
import { ReadBudget } from './read-budget.ts';
import { encodeReply, packet as encodePacket, statusOf, type Reply } from './reply.ts';
import type { Plan, RequestContext } from './request.ts';
import { RequestRouter } from './request-router.ts';
import type { SftpIo } from './sftp-io.ts';
import { soon } from './soon.ts';
import { isInternalError, SftpFramingError, SftpStatus, toSftpStatus } from './status.ts';

/** One for all sessions: where it was made tells nobody anything. */
const SESSION_OVER = new StorageError('failure', 'The session is over.');

export interface SftpSessionOptions {
  readonly limits?: Partial<SftpLimits>;
  /** Refuses every request that changes anything, whatever the view allows. */
  readonly readOnly?: boolean;
  /** Names of the request table; where given, all others are refused. */
  readonly allowedRequests?: readonly string[];
  readonly deniedRequests?: readonly string[];
  /** Mode bits taken away from what OPEN and MKDIR create; 0o022 where left out. */
  readonly umask?: number;
  /** Default 'ignore'. */
  readonly owners?: OwnerPolicy;
  readonly names?: IdentityNames;
  readonly observer?: SftpObserver;
  /** Shared with the other sessions of the connection, where there is such a bound. */
  readonly readBudget?: ReadBudget;
  /** What the user may have open, in all its sessions; no such bound where it is left out. */
  readonly descriptors?: DescriptorShare;
}

/** A request that has come and whose answer has not left. */
interface Slot {
  readonly id: number;
  readonly packetBytes: number;
  readonly startedAt: number;
  readBytes: number;
  name: string;
  answer: readonly Buffer[] | undefined;
}

/**
 * The server's side of one SFTP session (draft-ietf-secsh-filexfer-02), over any stream of bytes.
 *
 * Order: answers leave in the order of the requests. READs of one file run together, and so do WRITEs. Everything else
 * takes its turn at one lock. At the lock only neighbours that change nothing run together. A request that uses a handle
 * waits for the earlier requests that use it.
 *
 * Memory: bytes that came are given back to the stream (`SftpIo.consumed`) when their request is done. No request is
 * begun while too many are under way, or while the stream wants no more answers. So the memory is bounded by the limits
 * and by what the stream lets the client send ahead.
 */
export class SftpSession {
  readonly #io: SftpIo;
  readonly #limits: SftpLimits;
  readonly #observer: SftpObserver;
  readonly #context: RequestContext;
  readonly #router: RequestRouter;
  readonly #packets = new PacketStream();
  /** What the stream was told last of a packet that is not whole. */
  #unfinishedBytes = 0;
  /** Held by everything but READs and WRITEs, which their handle's lock orders. */
  readonly #lock = new GroupLock();
  readonly #slots: Slot[] = [];
  #state: 'awaiting-init' | 'open' | 'closed' = 'awaiting-init';
  #endReceived = false;
  #outputBlocked = false;
  #pumping = false;
  /** Once all that is ready at the moment has its answer: they leave together. */
  readonly #pumpSoon = soon(() => {
    this.#pump();
  });
  #readBytes = 0;
  #writeBytes = 0;
  readonly #budget: ReadBudget;
  /** Of the budget: asked for and not handed to the stream, and handed to it while it would rather have had no more. */
  #budgetTaken = 0;
  #unsentBytes = 0;
  #underWay = 0;
  #whenIdle: (() => void) | undefined;
  #ended: Promise<void> | undefined;
  readonly #end = new AbortController();
  readonly #cutOff = new AbortController();

  constructor(io: SftpIo, view: UserView, options: SftpSessionOptions = {}) {
    this.#io = io;
    this.#limits = { ...DEFAULT_SFTP_LIMITS, ...options.limits };
    this.#observer = options.observer ?? {};
    this.#budget = options.readBudget ?? new ReadBudget(Infinity);
    this.#context = {
      view: view.forSession(),
      handles: new HandleTable(this.#limits.openHandles, options.descriptors),
      limits: this.#limits,
      names: options.names ?? NO_IDENTITY_NAMES,
      umask: options.umask ?? 0o022,
      owners: options.owners ?? 'ignore',
      readOnly: options.readOnly ?? false,
      window: () => io.window?.() ?? Infinity,
      ended: this.#end.signal,
      cutOff: this.#cutOff.signal,
    };
    this.#router = new RequestRouter(this.#context, options.allowedRequests, options.deniedRequests);
  }

  /** Files and directories open now. */
  get openHandles(): number {
    return this.#context.handles.size;
  }

  /** Requests taken up and not answered. */
  get requestsInFlight(): number {
    return this.#slots.length;
  }

  /**
   * Nothing new from here on: no file is opened, no directory listed, nothing made or removed. What is open can be read and
   * written to its end, and given its name, mode and times.
   */
  refuseNew(): void {
    this.#router.deny(['open', 'opendir', 'remove', 'mkdir', 'rmdir', 'symlink', 'hardlink']);
  }

  /** Bytes from the client, in order. The buffer is the session's from now on. */
  receive(chunk: Buffer): void {
    if (this.#state === 'closed' || this.#endReceived) return;
    this.#packets.push(chunk);
    this.#pump();
  }

  /** The client sends no more: what has come is answered, then the stream is closed with exit status 0. */
  end(): void {
    this.#endReceived = true;
    this.#pump();
  }

  /** The stream takes answers again, after `SftpIo.write` was false. */
  drained(): void {
    this.#outputBlocked = false;
    this.#giveBack(this.#unsentBytes);
    this.#unsentBytes = 0;
    this.#pump();
  }

  /**
   * The client is gone, or has to go: nothing more is answered. A CLOSE that has come is still carried out; files
   * without one are given up as the store's `partialUploads` says. Resolves when nothing is left open; never rejects.
   */
  abort(reason: string): Promise<void> {
    return (this.#ended ??= this.#shutDown('aborted', reason));
  }

  /**
   * There is no time left: what is still being copied for a CLOSE that came is given up, and the old files stay. Only for
   * a session that has been aborted; FINISH_MS after that it comes by itself.
   */
  cutOff(): void {
    if (this.#cutOff.signal.aborted) return;
    this.#cutOff.abort(SESSION_OVER);
    this.#context.handles.stopCopying();
  }

  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      for (;;) {
        this.#flush();
        if (!this.#mayTakeUp()) break;
        if (!this.#mayAskForMore()) {
          this.#budget.wait(this.#pumpSoon);
          break;
        }
        const next = this.#packets.next();
        this.#tellUnfinished(next === undefined ? this.#packets.unfinishedBytes : 0);
        if (next === undefined) break;
        this.#takeUp(next);
      }
    } catch (error) {
      if (!(error instanceof SftpFramingError)) throw error;
      this.#ended ??= this.#shutDown('protocol-error', error.message).then(() => {
        this.#io.close(1);
      });
    } finally {
      this.#pumping = false;
    }
    if (this.#endReceived && this.#slots.length === 0 && this.#mayTakeUp()) {
      this.#ended ??= this.#shutDown('end', 'the client has ended the session').then(() => {
        this.#io.close(0);
      });
    }
  }

  #tellUnfinished(bytes: number): void {
    if (bytes === this.#unfinishedBytes) return;
    this.#unfinishedBytes = bytes;
    this.#io.unfinished?.(bytes);
  }

  #mayTakeUp(): boolean {
    return (
      this.#state !== 'closed' &&
      !this.#outputBlocked &&
      this.#slots.length < this.#limits.requestsInFlight &&
      this.#readBytes < this.#limits.readBytesInFlight &&
      this.#writeBytes < this.#limits.writeBytesInFlight
    );
  }

  /** Whoever holds nothing of the budget may always hold one answer: no session stands still for the others. */
  #mayAskForMore(): boolean {
    return this.#budgetTaken === 0 || this.#budget.hasRoom;
  }

  #giveBack(bytes: number): void {
    this.#budgetTaken -= bytes;
    this.#budget.give(bytes);
  }

  #takeUp(incoming: IncomingPacket): void {
    if (this.#state === 'awaiting-init' || (incoming.kind === 'plain' && incoming.type === SSH_FXP.INIT)) {
      this.#initialize(incoming);
      return;
    }
    const slot: Slot = {
      id: incoming.kind === 'plain' ? incoming.body.readUInt32BE() : incoming.id,
      packetBytes: incoming.bytes,
      startedAt: this.#observer.answered === undefined ? 0 : performance.now(),
      readBytes: 0,
      name: 'unknown',
      answer: undefined,
    };
    this.#slots.push(slot);
    let plan: Plan | undefined;
    try {
      if (incoming.kind === 'malformed') throw new SftpStatus(SSH_FX.BAD_MESSAGE, 'The lengths in WRITE do not fit.');
      const reader = incoming.kind === 'plain' ? new SshReader(incoming.body, 4) : undefined;
      const row = this.#router.find(incoming, reader);
      slot.name = row.name;
      plan = this.#router.prepare(row, incoming, reader);
      this.#router.authorize(row, plan);
    } catch (error) {
      this.#answer(slot, this.#failure(slot, plan, error));
      return;
    }
    this.#schedule(slot, plan, incoming.kind === 'write' ? incoming.dataBytes : 0);
  }

  /** §4: the client's INIT, answered with VERSION and the extensions that are to be had here. */
  #initialize(incoming: IncomingPacket): void {
    if (this.#state !== 'awaiting-init') throw new SftpFramingError('a second SSH_FXP_INIT');
    if (incoming.kind !== 'plain' || incoming.type !== SSH_FXP.INIT) {
      throw new SftpFramingError('a request before SSH_FXP_INIT');
    }
    this.#state = 'open';
    const extensions = this.#router.advertised();
    const version = encodePacket(SSH_FXP.VERSION, 512, (writer) => {
      writer.uint32(SFTP_VERSION);
      for (const { extensionName, revision } of extensions) writer.string(extensionName).string(revision);
    });
    this.#io.consumed(incoming.bytes);
    if (!this.#io.write([version])) this.#outputBlocked = true;
  }

  #schedule(slot: Slot, plan: Plan, writeBytes: number): void {
    if (plan.closes !== undefined) {
      plan.closes.closing = true;
      plan.closes.closeReceived = true;
    }
    slot.readBytes = plan.readBytes ?? 0;
    this.#readBytes += slot.readBytes;
    this.#budgetTaken += slot.readBytes;
    this.#budget.take(slot.readBytes);
    this.#writeBytes += writeBytes;
    this.#underWay += 1;
    const locks: LockRequest[] = (plan.handles ?? []).map(({ lock }) => ({ lock, mode: plan.io ?? 'exclusive' }));
    if (plan.io === undefined) locks.push({ lock: this.#lock, mode: plan.onlyLooks === true ? 'read' : 'exclusive' });
    acquireAll(locks, () => {
      void this.#run(slot, plan).then((reply) => {
        for (const { lock } of locks) lock.release();
        this.#writeBytes -= writeBytes;
        this.#answer(slot, reply, writeBytes);
        this.#underWay -= 1;
        if (this.#underWay === 0) this.#whenIdle?.();
        this.#pumpSoon();
      });
    });
  }

  async #run(slot: Slot, plan: Plan): Promise<Reply> {
    try {
      // What came before a CLOSE that came is part of the file that it commits: half of it must never become the file.
      const completes = plan.closes !== undefined || plan.handles?.some((handle) => handle.closeReceived) === true;
      if (this.#state === 'closed' && !completes) {
        throw new SftpStatus(SSH_FX.CONNECTION_LOST, 'The session has ended.');
      }
      const reply = await plan.run();
      if (plan.action !== undefined) this.#observer.action?.(plan.action(), undefined);
      return reply;
    } catch (error) {
      return this.#failure(slot, plan, error);
    }
  }

  #failure(slot: Slot, plan: Plan | undefined, error: unknown): Reply {
    const status = toSftpStatus(error);
    if (isInternalError(error)) this.#observer.internalError?.(slot.name, error);
    if (plan?.action !== undefined) {
      const { code, message } = status;
      this.#observer.action?.(plan.action(), { code, message, cause: status.cause });
    }
    return { kind: 'status', code: status.code, message: status.message };
  }

  #answer(slot: Slot, reply: Reply, writeBytes = 0): void {
    if (this.#observer.answered !== undefined) {
      const status = statusOf(reply);
      const bytes = reply.kind === 'data' ? reply.data.length : status === SSH_FX.OK ? writeBytes : 0;
      this.#observer.answered(slot.name, status, performance.now() - slot.startedAt, bytes);
    }
    if (this.#state === 'closed') return;
    slot.answer = encodeReply(slot.id, reply);
    this.#io.consumed(slot.packetBytes);
  }

  /** Sends the answers at the head of the line that are ready, together. */
  #flush(): void {
    if (this.#state === 'closed' || this.#slots[0]?.answer === undefined) return;
    const chunks: Buffer[] = [];
    let sent = 0;
    let readBytes = 0;
    for (const slot of this.#slots) {
      if (slot.answer === undefined) break;
      for (const chunk of slot.answer) chunks.push(chunk);
      readBytes += slot.readBytes;
      sent += 1;
    }
    this.#slots.splice(0, sent);
    this.#readBytes -= readBytes;
    if (this.#io.write(chunks)) {
      this.#giveBack(readBytes);
      return;
    }
    this.#outputBlocked = true;
    this.#unsentBytes += readBytes;
  }

  async #shutDown(how: 'end' | 'protocol-error' | 'aborted', detail: string): Promise<void> {
    this.#state = 'closed';
    this.#end.abort(SESSION_OVER);
    this.#packets.clear();
    this.#slots.length = 0;
    this.#budget.forget(this.#pumpSoon);
    this.#giveBack(this.#budgetTaken);
    this.#unsentBytes = 0;
    const idle =
      this.#underWay === 0
        ? Promise.resolve()
        : new Promise<void>((resolve) => {
            this.#whenIdle = resolve;
          });
    const timer = setTimeout(() => {
      this.cutOff();
    }, FINISH_MS).unref();
    const given: readonly SftpAction[] = await this.#context.handles.endAll();
    for (const action of given) this.#observer.action?.(action, undefined);
    await idle;
    clearTimeout(timer);
    this.#observer.ended?.(how, detail);
  }
}
