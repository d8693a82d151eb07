import { describe, expect, test } from '@jest/globals';
import {
  applyChange,
  attributesFrom,
  DEFAULT_ATTRIBUTES,
  isNoChange,
  withoutTimes,
} from '../../../../src/storage/s3/mapping/attributes.ts';

describe('attributes in object metadata', () => {
  const read = (metadata: Record<string, string>, kind: 'file' | 'directory' = 'file') =>
    attributesFrom(kind, 7, 1_700_000_000, metadata, DEFAULT_ATTRIBUTES);

  test('are read as rclone and s3fs write them', () => {
    // rclone: seconds with nanoseconds
    expect(read({ mtime: '1354040105.123456789' }).mtime).toBe(1_354_040_105);
    // rclone's metadata of the local backend: octal mode
    expect(read({ mode: '0100640', uid: '1000', gid: '100' })).toMatchObject({ mode: 0o100640, uid: 1000, gid: 100 });
    // s3fs: st_mode in decimal
    expect(read({ mode: String(0o100600), mtime: '1500000000', atime: '1500000001' })).toMatchObject({
      mode: 0o100600,
      mtime: 1_500_000_000,
      atime: 1_500_000_001,
    });
    expect(read({ mode: String(0o040700) }, 'directory').mode).toBe(0o040700);
  });

  test('are the defaults and the time of storing where nothing is said', () => {
    expect(read({})).toEqual({ size: 7, mtime: 1_700_000_000, atime: 1_700_000_000, mode: 0o100644, uid: 0, gid: 0 });
    expect(read({}, 'directory').mode).toBe(0o040755);
  });

  test.each(['', 'x', '-1', '1e9', '0x10', ' 1', '1.', '9'.repeat(40), 'NaN'])(
    'that are no numbers (%p) are passed over',
    (text) => {
      expect(read({ mtime: text, mode: text, uid: text })).toMatchObject({
        mtime: 1_700_000_000,
        mode: 0o100644,
        uid: 0,
      });
    },
  );

  test('too large for the protocol are cut to it', () => {
    expect(read({ mtime: '99999999999' }).mtime).toBe(0xffff_ffff);
    expect(read({ uid: '9999999999' }).uid).toBe(0xffff_ffff);
  });

  test('the file type of the metadata never changes what the entry is', () => {
    expect(read({ mode: String(0o120777) }).mode).toBe(0o100777);
  });

  test('of another program lose the set-user-id and set-group-id bits with the bytes, as with write(2)', () => {
    expect(withoutTimes({ mode: String(0o104755), mtime: '5', owner: 'x' })).toEqual({
      mode: String(0o100755),
      owner: 'x',
    });
    expect(withoutTimes({ mode: '0644' })).toEqual({ mode: '0644' });
  });

  test('are written as both read them, and leave other metadata alone', () => {
    const written = applyChange('file', { owner: 'somebody', mode: '0644' }, { mtime: 1_600_000_000, mode: 0o107600 });
    expect(written).toEqual({ owner: 'somebody', mtime: '1600000000', mode: String(0o101600) });
    expect(applyChange('directory', {}, { mode: 0o700, uid: 5, gid: 6, atime: 3 })).toEqual({
      mode: String(0o040700),
      uid: '5',
      gid: '6',
      atime: '3',
    });
  });

  test('that are there already need no request', () => {
    const metadata = applyChange('file', {}, { mtime: 5, mode: 0o600 });
    expect(isNoChange('file', metadata, { mtime: 5 })).toBe(true);
    expect(isNoChange('file', metadata, {})).toBe(true);
    expect(isNoChange('file', metadata, { mtime: 6 })).toBe(false);
    expect(isNoChange('file', metadata, { uid: 0 })).toBe(false);
  });

  test('a file that is written anew keeps all but the times', () => {
    expect(withoutTimes({ mtime: '1', atime: '2', ctime: '3', mode: '4', other: '5' })).toEqual({
      mode: '4',
      other: '5',
    });
  });
});
