/** The record of one multipart upload under way. */
export interface JournalEntry {
  /** The upload has begun and has this id. */
  identify(uploadId: string): void;
  /** The upload is completed or aborted. */
  end(): void;
  /** The upload could not be aborted: the record stays for the sweeper. */
  leave(error: unknown): void;
}

/** Where uploads are announced before they begin, so that a later process can end those that a crash left. */
export interface UploadJournal {
  /** Resolves when the record is safe. */
  announce(key: string): Promise<JournalEntry>;
}

/** For stores whose bucket rules end abandoned uploads. */
export const noJournal: UploadJournal = {
  announce: async () =>
    Promise.resolve({
      identify: () => undefined,
      end: () => undefined,
      leave: () => undefined,
    }),
};
