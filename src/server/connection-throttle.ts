import { ADMISSION_BURST, MAX_ADMISSION_SOURCES, MAX_ADMISSION_WAIT_SECONDS } from './limits.ts';
import { plainAddress } from './remote-address.ts';

/**
 * A token bucket for each source address, before any key exchange is computed: the defence against connection floods that
 * make the server compute (DHEat, CVE-2002-20001).
 */
export class ConnectionThrottle {
  readonly #perSecond: number;
  readonly #now: () => number;
  /** Tokens may be negative: that is the queue. */
  readonly #sources = new Map<string, { tokens: number; at: number }>();

  /** `perSecond` 0 turns it off. `now` in seconds. */
  constructor(perSecond: number, now: () => number = () => performance.now() / 1000) {
    this.#perSecond = perSecond;
    this.#now = now;
  }

  /** Seconds that a new connection has to wait before it is served (0: none), or null where it is refused. */
  admit(address: string): number | null {
    if (this.#perSecond === 0) return 0;
    const source = sourceOf(address);
    const now = this.#now();
    const known = this.#sources.get(source);
    const tokens =
      known === undefined
        ? ADMISSION_BURST
        : Math.min(ADMISSION_BURST, known.tokens + (now - known.at) * this.#perSecond);
    const wait = tokens >= 1 ? 0 : (1 - tokens) / this.#perSecond;
    const admitted = wait <= MAX_ADMISSION_WAIT_SECONDS;
    this.#sources.delete(source);
    this.#sources.set(source, { tokens: admitted ? tokens - 1 : tokens, at: now });
    if (this.#sources.size > MAX_ADMISSION_SOURCES) {
      const oldest = this.#sources.keys().next();
      if (oldest.done !== true) this.#sources.delete(oldest.value);
    }
    return admitted ? wait : null;
  }
}

/**
 * What counts as one source: an IPv4 address, or an IPv6 network of 64 bits, since that is what one customer of a provider
 * has at least.
 */
export function sourceOf(address: string): string {
  const plain = plainAddress(address);
  if (!plain.includes(':')) return plain;
  const [head = '', tail] = address.split('%', 1).join('').split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros =
    tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => '0');
  return `${[...before, ...zeros, ...after].slice(0, 4).join(':')}::/64`;
}
