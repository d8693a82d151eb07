import { API_RATES } from './limits.ts';

export interface RequestRate {
  readonly perSecond: number;
  readonly burst: number;
}

/** A token bucket for each of many: access keys, or source addresses. */
export class RequestRates {
  readonly #rate: RequestRate;
  /** Milliseconds. */
  readonly #now: () => number;
  readonly #buckets = new Map<string, { readonly tokens: number; readonly at: number }>();

  constructor(rate: RequestRate, now: () => number) {
    this.#rate = rate;
    this.#now = now;
  }

  /** Takes one. 0, or how many seconds it is until there is one again; then none is taken. */
  take(whose: string): number {
    const { perSecond, burst } = this.#rate;
    const now = this.#now();
    const known = this.#buckets.get(whose) ?? { tokens: burst, at: now };
    const tokens = Math.min(burst, known.tokens + (Math.max(0, now - known.at) / 1000) * perSecond);
    const isThere = tokens >= 1;
    this.#buckets.delete(whose);
    this.#buckets.set(whose, { tokens: isThere ? tokens - 1 : tokens, at: now });
    const [oldest] = this.#buckets.size > API_RATES ? this.#buckets.keys() : [];
    if (oldest !== undefined) this.#buckets.delete(oldest);
    return isThere ? 0 : (1 - tokens) / perSecond;
  }
}

/** What counts as one source: an IPv4 address, or an IPv6 network of 64 bits, which is the least that a customer has. */
export function sourceOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [plain = ''] = address.split('%', 1);
  if (!plain.includes(':')) return plain;
  const [front = [], back] = plain.split('::').map((part) => part.split(':').filter((group) => group !== ''));
  const zeros =
    back === undefined ? [] : Array.from({ length: Math.max(0, 8 - front.length - back.length) }, () => '0');
  return `${[...front, ...zeros, ...(back ?? [])].slice(0, 4).join(':')}::/64`;
}
