import { MAX_PASSWORD_BYTES } from './limits.ts';

const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

/** null for what cannot be anybody's password: too long, not UTF-8, a NUL in it. */
export function asPassword(bytes: Buffer): string | null {
  if (bytes.length > MAX_PASSWORD_BYTES || bytes.includes(0)) return null;
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return null;
  }
}
