import type { Registry } from 'prom-client';
import { Counter } from 'prom-client';
import type { Cell } from './tally.ts';
import { Tally } from './tally.ts';
import { watchedGauge } from './watched-gauge.ts';

export type PartialCloseOutcome = 'stored' | 'discarded' | 'read';
const PARTIAL_CLOSES: readonly PartialCloseOutcome[] = ['stored', 'discarded', 'read'];

/** Of the SFTP sessions. */
export class SftpMetrics {
  readonly #requests: Tally<'request' | 'status'>;
  /** Cells by request and status code, so that an answer costs two look-ups. */
  readonly #cells = new Map<string, (Cell | undefined)[]>();
  readonly #read: Cell;
  readonly #written: Cell;
  readonly #partialCloses: Counter<'outcome'>;
  readonly #internalErrors: Counter;
  /** What is open at the moment, over all sessions. */
  open: () => { readonly sessions: number; readonly handles: number; readonly requests: number } = () => ({
    sessions: 0,
    handles: 0,
    requests: 0,
  });

  constructor(registry: Registry) {
    const registers = [registry];
    const open = (): ReturnType<SftpMetrics['open']> => this.open();
    this.#requests = new Tally({
      name: 'latticeport_sftp_requests_total',
      help: 'SFTP requests answered, by name and status.',
      labels: ['request', 'status'],
      registry,
    });
    this.#read = new Tally({
      name: 'latticeport_sftp_read_bytes_total',
      help: 'Bytes of files given to clients.',
      labels: [],
      registry,
    }).cell({});
    this.#written = new Tally({
      name: 'latticeport_sftp_written_bytes_total',
      help: 'Bytes of files taken from clients.',
      labels: [],
      registry,
    }).cell({});
    this.#partialCloses = new Counter({
      name: 'latticeport_sftp_partial_closes_total',
      help: 'Files that the client had open when its session ended, by what became of them.',
      labelNames: ['outcome'],
      registers,
    });
    for (const outcome of PARTIAL_CLOSES) this.#partialCloses.inc({ outcome }, 0);
    this.#internalErrors = new Counter({
      name: 'latticeport_sftp_internal_errors_total',
      help: 'SFTP requests that failed by a bug.',
      registers,
    });
    watchedGauge(
      registry,
      'latticeport_sftp_sessions_open',
      'SFTP sessions there are, those included that are letting go of their files.',
      () => open().sessions,
    );
    watchedGauge(
      registry,
      'latticeport_sftp_handles_open',
      'Files and directories that clients have open.',
      () => open().handles,
    );
    watchedGauge(
      registry,
      'latticeport_sftp_requests_in_flight',
      'SFTP requests being worked on.',
      () => open().requests,
    );
  }

  /** `request` is a name of the request table, `code` and `status` the answer's, `bytes` those of a file that it moved. */
  answered(request: string, code: number, status: string, bytes: number): void {
    let cells = this.#cells.get(request);
    if (cells === undefined) {
      cells = [];
      this.#cells.set(request, cells);
    }
    (cells[code] ??= this.#requests.cell({ request, status })).value += 1;
    if (bytes === 0) return;
    if (request === 'read') this.#read.value += bytes;
    else if (request === 'write') this.#written.value += bytes;
  }

  partialClose(outcome: PartialCloseOutcome): void {
    this.#partialCloses.inc({ outcome });
  }

  internalError(): void {
    this.#internalErrors.inc();
  }
}
