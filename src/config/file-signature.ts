import { statSync } from 'node:fs';

/** Device, inode, size and both times in nanoseconds of what the name leads to: no change leaves them all alone. */
export function signatureOf(file: string): string {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(file, { bigint: true });
    return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}

/** Whether files that are looked at again and again have changed, and are no longer being written. */
export class SettledChange {
  #seen: string | null = null;

  /** True where the signature is not that of what is in force, and was the same at the look before. */
  isSettled(now: string, inForce: string): boolean {
    const isChange = now !== inForce;
    const isSettled = isChange && now === this.#seen;
    this.#seen = isChange && !isSettled ? now : null;
    return isSettled;
  }

  /** As if the look before had seen this signature. */
  startFrom(seen: string): void {
    this.#seen = seen;
  }
}
