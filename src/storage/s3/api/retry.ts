import type { StoreEventSink } from '../../object-store.ts';
import { abortReason, type Clock } from '../../flow/clock.ts';
import { classify, type Fault } from './errors.ts';
import { faultKind, type FaultKind } from './fault-kind.ts';

/** How long a request is tried before its failure is reported. */
export interface RetryOptions {
  /** Tries in all, the first included. */
  readonly attempts: number;
  /** Milliseconds after which no new try begins: the patience of a client that waits for an answer. */
  readonly deadlineMs: number;
  /** The first pause is a random part of this many milliseconds; it doubles with every try. */
  readonly baseDelayMs: number;
  /** Milliseconds: no pause is longer. */
  readonly maxDelayMs: number;
}

export const DEFAULT_RETRY: RetryOptions = { attempts: 7, deadlineMs: 60_000, baseDelayMs: 100, maxDelayMs: 8_000 };

/** How one try of a request ended: for metrics. */
export interface RequestTry {
  readonly operation: string;
  /** Until the answer was there with its body, without pauses between tries. */
  readonly milliseconds: number;
  /** `retried`: another try follows. `failed`: none does. `aborted`: nobody wants the answer any more. */
  readonly outcome: 'ok' | 'aborted' | 'retried' | 'failed';
  /** Where it was retried or failed. */
  readonly reason?: FaultKind;
}

export interface RetryContext extends RetryOptions {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly events: StoreEventSink;
  /** Told of every try; must not throw. */
  readonly onTry?: ((ended: RequestTry) => void) | undefined;
  /** Makes the next try use fresh credentials. `explained`: the store has said that these have run out. */
  readonly renewCredentials: (explained: boolean) => void;
}

/** What a try learns about the ones before it. */
export interface Attempt {
  /** From 1. */
  readonly number: number;
  /** An earlier try may have been carried out although its answer was lost. */
  readonly ambiguous: boolean;
}

/**
 * Runs `request` until it succeeds, fails for good, or patience ends, then throws the last error as it came. Pauses
 * are "full jitter": a random part of a doubling bound, so that many transfers that were refused together do not come
 * back together. Clock skew, expired credentials
 * and refusals without a reason get one immediate extra try each.
 */
export async function withRetry<T>(
  operation: string,
  context: RetryContext,
  request: (attempt: Attempt) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const start = context.clock.now();
  let ambiguous = false;
  let corrected = new Set<string>();
  for (let number = 1; ; number += 1) {
    const began = performance.now();
    const tell = (outcome: RequestTry['outcome'], reason?: FaultKind): void => {
      const milliseconds = performance.now() - began;
      context.onTry?.({ operation, milliseconds, outcome, ...(reason === undefined ? {} : { reason }) });
    };
    try {
      const answer = await request({ number, ambiguous });
      tell('ok');
      return answer;
    } catch (error) {
      if (signal?.aborted === true) {
        tell('aborted');
        throw abortReason(signal);
      }
      const fault = classify(error);
      ambiguous ||= fault.ambiguous;
      const pause = nextPause(fault, number, context, corrected);
      corrected = new Set([...corrected, fault.remedy]);
      const waited = context.clock.now() - start;
      if (pause === undefined || waited + pause > context.deadlineMs) {
        tell('failed', faultKind(error, fault));
        if (fault.remedy !== 'fail') {
          context.events('S3_GIVE_UP', {
            operation,
            attempts: number,
            reason: fault.reason,
            status: fault.status,
            waitedMs: waited,
          });
        }
        throw error;
      }
      tell('retried', faultKind(error, fault));
      if (fault.remedy === 'renew-credentials' || fault.remedy === 'unexplained') {
        context.renewCredentials(fault.remedy === 'renew-credentials');
      }
      context.events('S3_RETRY', {
        operation,
        attempt: number,
        reason: fault.reason,
        status: fault.status,
        pauseMs: pause,
      });
      if (pause > 0) await context.clock.delay(pause, signal);
    }
  }
}

/** Milliseconds to wait before the next try; undefined for none. */
function nextPause(
  fault: Fault,
  number: number,
  context: RetryContext,
  corrected: ReadonlySet<string>,
): number | undefined {
  switch (fault.remedy) {
    case 'fail':
      return undefined;
    case 'clock-skew':
    case 'renew-credentials':
    case 'unexplained':
      return corrected.has(fault.remedy) ? undefined : 0;
    case 'retry':
    case 'slow-down': {
      if (number >= context.attempts) return undefined;
      // A store that asks for less load gets a longer bound from the start.
      const base = fault.remedy === 'slow-down' ? context.baseDelayMs * 4 : context.baseDelayMs;
      const bound = Math.min(context.maxDelayMs, base * 2 ** (number - 1));
      return Math.round(bound * context.random());
    }
  }
}
