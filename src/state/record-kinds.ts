import type { AccessKeyRecord, AccessRecord, HostKeyRecord, ServerRecord, UserRecord } from './records.ts';
import type { Draft } from './state-store.ts';

/** What the state holds records of, by the word that stands in the database. */
export interface RecordKinds {
  server: ServerRecord;
  user: UserRecord;
  'host-key': HostKeyRecord;
  access: AccessRecord;
  'access-key': AccessKeyRecord;
}

export type RecordKind = keyof RecordKinds;

/** Where a record stands: `parent` is the server that it belongs to, or empty. */
export interface RecordKey {
  readonly parent: string;
  readonly key: string;
}

interface KindDefinition<Stored extends { readonly revision: number }> {
  readonly keyOf: (record: Draft<Stored>) => RecordKey;
  /** Whether `parent` is a server, which has to be there. It is deleted with it. */
  readonly ofServer: boolean;
  /** The member that is encrypted at rest. */
  readonly secret: (keyof Draft<Stored> & string) | null;
}

/** A new kind of record is a row here, a map in the snapshot and its methods in the transaction. */
export const RECORD_KINDS: { readonly [Kind in RecordKind]: KindDefinition<RecordKinds[Kind]> } = {
  server: { keyOf: ({ serverId }) => ({ parent: '', key: serverId }), ofServer: false, secret: null },
  user: { keyOf: ({ serverId, userName }) => ({ parent: serverId, key: userName }), ofServer: true, secret: null },
  'host-key': {
    keyOf: ({ serverId, hostKeyId }) => ({ parent: serverId, key: hostKeyId }),
    ofServer: true,
    secret: 'privateKey',
  },
  access: {
    keyOf: ({ serverId, externalId }) => ({ parent: serverId, key: externalId }),
    ofServer: true,
    secret: null,
  },
  'access-key': {
    keyOf: ({ accessKeyId }) => ({ parent: '', key: accessKeyId }),
    ofServer: false,
    secret: 'secretAccessKey',
  },
};

export function isRecordKind(word: string): word is RecordKind {
  return Object.hasOwn(RECORD_KINDS, word);
}
