/** The operations of ours, which the SDK does not know, in its manner. */

export interface ListSessionsRequest {
  /** Sessions of this server only. */
  readonly ServerId?: string | undefined;
  /** Sessions of users of this name only. */
  readonly UserName?: string | undefined;
  readonly MaxResults?: number | undefined;
  readonly NextToken?: string | undefined;
}

/** A session that is open now, on whichever node. */
export interface ListedSession {
  /** 16 hexadecimal digits, as the log has them. */
  readonly SessionId: string;
  readonly ServerId: string;
  readonly UserName: string;
  readonly RemoteAddress: string;
  readonly ClientVersion?: string;
  /** `publickey`, `password`. */
  readonly AuthenticationMethod: string;
  readonly Kex?: string;
  readonly PostQuantum?: boolean;
  readonly ConnectedAt: Date;
  readonly OpenFiles: number;
  /** Of the connection, with all that SSH adds. */
  readonly BytesIn: number;
  readonly BytesOut: number;
  /** The name of the machine that has it. */
  readonly Node: string;
}

export interface ListSessionsResponse {
  readonly Sessions: readonly ListedSession[];
  readonly NextToken?: string;
}

export interface EndSessionRequest {
  readonly SessionId: string;
}
