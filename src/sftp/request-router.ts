import type { SshReader } from '../wire/reader.ts';
import type { IncomingPacket } from './packet-stream.ts';
import { SSH_FX, SSH_FXP } from './protocol.ts';
import type { ExtensionRow, Plan, RequestContext, RequestRow } from './request.ts';
import { EXTENSIONS, REQUESTS } from './request-table.ts';
import { SftpStatus } from './status.ts';

/** Bytes of an extension's name; the longest known one has 34. */
const MAX_EXTENSION_NAME_BYTES = 256;

const EXTENSION_BY_NAME: ReadonlyMap<string, ExtensionRow> = new Map(EXTENSIONS.map((row) => [row.extensionName, row]));

/** From a packet to its row of the table, and from the row to whether this session may. */
export class RequestRouter {
  readonly #context: RequestContext;
  readonly #allowed: ReadonlySet<string> | undefined;
  readonly #denied: Set<string>;

  constructor(context: RequestContext, allowed: readonly string[] | undefined, denied: readonly string[] | undefined) {
    this.#context = context;
    this.#allowed = allowed === undefined ? undefined : new Set(allowed);
    this.#denied = new Set(denied);
  }

  /** Refuses requests of these names from here on. */
  deny(names: readonly string[]): void {
    for (const name of names) this.#denied.add(name);
  }

  /** The extensions for SSH_FXP_VERSION: those that a store can do and that the session may use. */
  advertised(): ExtensionRow[] {
    return EXTENSIONS.filter((row) => this.#isAvailable(row) && this.#isPermitted(row, row.writes === true));
  }

  /**
   * The row for a packet; for EXTENDED the name is read from `reader`.
   * @throws SftpStatus OP_UNSUPPORTED for what the table does not have
   */
  find(packet: IncomingPacket, reader: SshReader | undefined): RequestRow {
    const type = packet.kind === 'plain' ? packet.type : SSH_FXP.WRITE;
    const row =
      type === SSH_FXP.EXTENDED && reader !== undefined
        ? this.#extension(reader.string(MAX_EXTENSION_NAME_BYTES).toString('latin1'))
        : REQUESTS.get(type);
    if (row === undefined) throw new SftpStatus(SSH_FX.OP_UNSUPPORTED, 'Operation unsupported.');
    return row;
  }

  /** Reads the request. Where that fails and the request would have been refused anyway, the refusal is what is told. */
  prepare(row: RequestRow, packet: IncomingPacket, reader: SshReader | undefined): Plan {
    try {
      if (row.packet === 'write' && packet.kind === 'write') return row.prepare(this.#context, packet);
      if (row.packet === 'plain' && reader !== undefined) return row.prepare(this.#context, reader);
    } catch (error) {
      this.authorize(row, undefined);
      throw error;
    }
    throw new SftpStatus(SSH_FX.BAD_MESSAGE, 'Bad message.');
  }

  /** @throws SftpStatus PERMISSION_DENIED where the session or the user may not */
  authorize(row: RequestRow, plan: Plan | undefined): void {
    const writes = row.writes === 'by flags' ? plan?.writes === true : row.writes;
    if (!this.#isPermitted(row, writes)) {
      throw new SftpStatus(SSH_FX.PERMISSION_DENIED, `Permission denied: ${row.name} is not allowed in this session.`);
    }
    const { permission } = row;
    const needs = permission === 'by flags' ? (plan?.needs ?? []) : permission === 'none' ? [] : [permission];
    for (const need of needs) {
      if (!this.#context.view.permissions.has(need)) {
        throw new SftpStatus(SSH_FX.PERMISSION_DENIED, `Permission denied: you have no right to ${need}.`);
      }
    }
  }

  #extension(name: string): ExtensionRow | undefined {
    const row = EXTENSION_BY_NAME.get(name);
    return row !== undefined && this.#isAvailable(row) ? row : undefined;
  }

  #isAvailable(row: ExtensionRow): boolean {
    return row.available(this.#context.view);
  }

  #isPermitted(row: RequestRow, writes: boolean): boolean {
    if (writes && this.#context.readOnly) return false;
    return this.#allowed?.has(row.name) !== false && !this.#denied.has(row.name);
  }
}
