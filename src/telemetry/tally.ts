import type { Registry } from 'prom-client';
import { Counter } from 'prom-client';

/** One number of a tally: adding to it is all that counting costs. */
export interface Cell {
  value: number;
}

export interface TallyOptions<Label extends string> {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly Label[];
  readonly registry: Registry;
}

/**
 * A counter for what happens thousands of times a second: whoever counts keeps its cell, and the library sees the sums
 * only when they are asked for.
 */
export class Tally<Label extends string> {
  readonly #cells = new Map<string, { readonly labels: Readonly<Record<Label, string>>; readonly cell: Cell }>();
  readonly #labels: readonly Label[];

  constructor({ name, help, labels, registry }: TallyOptions<Label>) {
    this.#labels = labels;
    const cells = this.#cells;
    new Counter<Label>({
      name,
      help,
      labelNames: labels,
      registers: [registry],
      collect() {
        this.reset();
        for (const { labels: values, cell } of cells.values()) this.inc(values, cell.value);
      },
    });
  }

  /** The cell of these labels, the same for every call. */
  cell(labels: Readonly<Record<Label, string>>): Cell {
    const key = this.#labels.map((label) => labels[label]).join('\0');
    const known = this.#cells.get(key);
    if (known !== undefined) return known.cell;
    const cell = { value: 0 };
    this.#cells.set(key, { labels, cell });
    return cell;
  }
}
