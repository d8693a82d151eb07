import type { NameChange } from '../../storage/registry/other-processes.ts';
import type { StorePath } from '../../storage/object-store.ts';

/** What a worker says to the primary about the names of a store. `store` is the same text for the same store. */
export type LaneRequest =
  /** Wants the lanes of these paths; `id` is the worker's number of the pass. */
  | {
      readonly kind: 'enter';
      readonly id: number;
      readonly store: string;
      readonly paths: readonly StorePath[];
      readonly publish: boolean;
    }
  | { readonly kind: 'leave'; readonly id: number }
  /** While it holds the pass: for the other workers that have files open there. */
  | { readonly kind: 'tell'; readonly id: number; readonly change: NameChange }
  | { readonly kind: 'opened' | 'ended'; readonly store: string; readonly path: StorePath }
  /** It has carried out the order of that number. */
  | { readonly kind: 'done'; readonly order: number };

/** What the primary says to a worker. */
export type LaneOrder =
  | { readonly kind: 'entered'; readonly id: number; readonly shared: boolean }
  | { readonly kind: 'told'; readonly id: number }
  | { readonly kind: 'publish'; readonly order: number; readonly store: string; readonly paths: readonly StorePath[] }
  | { readonly kind: 'happened'; readonly order: number; readonly store: string; readonly change: NameChange };
