// Plays one sequence on OpenSSH's sftp-server and on Latticeport, and tells the first answer that should not have been given.
import { describeExpectation, matches } from './expectation.ts';
import type { Link } from './link.ts';
import { apply, die } from './model.ts';
import { endSession, type Oracle } from './oracle.ts';
import type { Outcome, Rules } from './outcome.ts';
import {
  describeAnswer,
  describeRequest,
  describeStep,
  fillBytes,
  type Answer,
  type Call,
  type Request,
  type Step,
} from './request.ts';
import { DIRECTORIES, FILES, SESSIONS, type Sequence } from './sequence.ts';
import type { Target } from './target.ts';
import { addContent, emptyWorld, handleKey, locate, newId, sessionOf, worldKey, type World } from './world.ts';

export interface Failure {
  /** The step that was answered wrongly; that of the looking round at the end where it is past the last. */
  readonly step: number;
  readonly text: string;
  /** The same for failures of one kind. */
  readonly signature: string;
}

/** The model says what sftp-server does not do: the test is wrong, not the server. */
export class ModelError extends Error {
  override readonly name = 'ModelError';
}

/** Worlds that cannot be told apart yet. More are not worth following. */
const MAX_WORLDS = 400;
/** The session that looks round at the end. */
const OBSERVER = SESSIONS;
const WHOLE = 250_000;
const POSIX_COMPARED = { directoryModes: true, listedAttributes: true };

/** Two requests at one instant, in one of the two orders. */
interface PairOutcome {
  /** In the order of the calls. */
  readonly outcomes: readonly [Outcome, Outcome];
  readonly world: World;
}

interface Side {
  readonly rules: Rules;
  readonly links: Link[];
  worlds: World[];
}

/** Counts what was done, to know that the test tests something. */
export interface Tally {
  requests: number;
  pairs: number;
  /** Sequences that were given up since too much was possible. */
  givenUp: number;
}

export interface PlayOptions {
  readonly tally?: Tally;
  /** Play also what meets the writing of another process. */
  readonly unguarded?: boolean;
}

export async function play(
  sequence: Sequence,
  target: Target,
  oracle: Oracle,
  options: PlayOptions = {},
): Promise<Failure | undefined> {
  return new Player(sequence, target, oracle, options).run();
}

class Player {
  readonly #sequence: Sequence;
  readonly #target: Target;
  readonly #oracle: Oracle;
  readonly #tally: Tally | undefined;
  /** Requests that meet what another process writes are left out. */
  readonly #guarded: boolean;
  #ours: Side;
  #theirs: Side;
  #step = 0;

  constructor(sequence: Sequence, target: Target, oracle: Oracle, { tally, unguarded = false }: PlayOptions) {
    this.#sequence = sequence;
    this.#target = target;
    this.#oracle = oracle;
    this.#tally = tally;
    this.#guarded = !target.sharesOpenFiles && !unguarded;
    const world = initialWorld(sequence);
    const { hardlinks, refusesReads, sharesOpenFiles, writesInPlace } = target;
    const partialUploads = target.partialUploads ?? sequence.partialUploads;
    const common = { hardlinks, partialUploads };
    const alone = { refusesReads: false, sharesOpenFiles: true, writesInPlace: false, blind: false };
    const blind = !sharesOpenFiles && unguarded;
    const posix = target.posix === true;
    this.#ours = {
      rules: { ...common, posix, refusesReads, sharesOpenFiles, writesInPlace, blind },
      links: [],
      worlds: [world],
    };
    this.#theirs = { rules: { ...common, ...alone, posix: true }, links: [], worlds: [world] };
  }

  async run(): Promise<Failure | undefined> {
    const { tree, steps } = this.#sequence;
    await Promise.all([this.#target.begin(tree, this.#ours.rules.partialUploads), this.#oracle.begin(tree)]);
    try {
      for (let session = 0; session <= SESSIONS; session += 1) {
        const [ours, theirs] = await Promise.all([this.#target.connect(), this.#oracle.connect()]);
        this.#ours.links.push(ours);
        this.#theirs.links.push(theirs);
      }
      for (const step of [...steps, ...this.#closing(), ...lookRound()]) {
        const failure = await this.#play(step);
        if (failure === 'too much') {
          if (this.#tally !== undefined) this.#tally.givenUp += 1;
          return undefined;
        }
        if (failure !== undefined) return failure;
        this.#step += 1;
      }
    } catch (error) {
      if (error instanceof ModelError) throw error;
      return this.#failure(String(error), `error: ${String(error)}`);
    } finally {
      await Promise.all(this.#theirs.links.map(endSession));
      await Promise.all(this.#ours.links.map((link) => link.disconnect()));
    }
    const left = await this.#target.leftovers();
    return left.length === 0 ? undefined : this.#failure(`left behind: ${left.join(', ')}`, 'left behind');
  }

  /** Slots are known when the steps before have been played: every slot is tried. */
  #closing(): Step[] {
    const steps: Step[] = [];
    for (let session = 0; session < SESSIONS; session += 1) {
      for (let slot = 0; slot < 3; slot += 1) steps.push({ kind: 'call', session, request: { op: 'close', slot } });
    }
    return steps;
  }

  async #play(step: Step): Promise<Failure | 'too much' | undefined> {
    switch (step.kind) {
      case 'call':
        if (this.#forbidden(step)) return undefined;
        return (await this.#playBoth(step)) ?? this.#tooMuch();
      case 'pair':
        return (await this.#playPair(step.calls, step.lag)) ?? this.#tooMuch();
      case 'disconnect':
        return (await this.#disconnect(step.session, step.behind)) ?? this.#tooMuch();
    }
  }

  #tooMuch(): 'too much' | undefined {
    return this.#ours.worlds.length > MAX_WORLDS ? 'too much' : undefined;
  }

  async #playBoth(call: Call): Promise<Failure | undefined> {
    const failure = await this.#playOurs(call);
    if (failure === undefined) await this.#playTheirs(call);
    return failure;
  }

  async #playOurs(call: Call): Promise<Failure | undefined> {
    const { rules, links, worlds } = this.#ours;
    if (!this.#applies(this.#ours, call)) return undefined;
    const outcomes = worlds.flatMap((world) => apply(world, rules, call.session, call.request));
    const answer = await links[call.session]?.call(call.request);
    if (answer === undefined) return undefined;
    if (this.#tally !== undefined) this.#tally.requests += 1;
    const left = outcomes.filter(({ expected }) => matches(expected, answer, this.#target.compared));
    if (left.length === 0)
      return this.#unexpected(
        [call],
        [answer],
        outcomes.map((each) => [each]),
      );
    if (left.some(({ expected }) => expected.kind === 'directory-handle') && 'slot' in call.request) {
      await links[call.session]?.call({ op: 'close', slot: call.request.slot });
    }
    this.#ours.worlds = distinct(left.map(({ world }) => world));
    return undefined;
  }

  /** The real sftp-server, whose one world must be right. */
  async #playTheirs(call: Call): Promise<void> {
    const { rules, links, worlds } = this.#theirs;
    const [world] = worlds;
    const link = links[call.session];
    if (world === undefined || link === undefined || !this.#applies(this.#theirs, call)) return;
    const [outcome, ...others] = apply(world, rules, call.session, call.request);
    if (outcome === undefined || others.length > 0) throw new ModelError('sftp-server has one answer to everything');
    const answer = await link.call(call.request);
    if (!matches(outcome.expected, answer, POSIX_COMPARED)) {
      throw new ModelError(
        `step ${this.#step}: ${call.session}: ${describeRequest(call.request)}\n` +
          `sftp-server: ${describeAnswer(answer)}\nmodel: ${describeExpectation(outcome.expected)}`,
      );
    }
    if (outcome.expected.kind === 'directory-handle' && 'slot' in call.request) {
      await link.call({ op: 'close', slot: call.request.slot });
    }
    this.#theirs.worlds = [outcome.world];
  }

  async #playPair(calls: readonly [Call, Call], lag: number): Promise<Failure | undefined> {
    if (this.#guarded && (meetsThrough(calls) || calls.some((call) => this.#forbidden(call)))) {
      for (const call of calls) {
        const failure = this.#forbidden(call) ? undefined : await this.#playBoth(call);
        if (failure !== undefined) return failure;
      }
      return undefined;
    }
    const { rules, links, worlds } = this.#ours;
    const applicable = calls.filter((call) => this.#applies(this.#ours, call));
    const [first, second] = applicable;
    let inOrder = true;
    if (first !== undefined && second === undefined) {
      const failure = await this.#playOurs(first);
      if (failure !== undefined) return failure;
    }
    if (first !== undefined && second !== undefined) {
      if (this.#tally !== undefined) this.#tally.pairs += 1;
      const both = (one: Call, other: Call, ordered: boolean): PairOutcome[] =>
        worlds.flatMap((world) =>
          apply(world, rules, one.session, one.request).flatMap((before) =>
            apply(before.world, rules, other.session, other.request).map((after) => ({
              outcomes: ordered ? ([before, after] as const) : ([after, before] as const),
              world: { ...after.world, inOrder: ordered },
            })),
          ),
        );
      const possible = [...both(first, second, true), ...both(second, first, false)];
      const leading = links[first.session]?.call(first.request);
      // What fails meanwhile is looked at below.
      leading?.catch(() => undefined);
      for (let turn = 0; turn < lag; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      const [one, other] = await Promise.all([leading, links[second.session]?.call(second.request)]);
      if (one === undefined || other === undefined) return undefined;
      const { compared } = this.#target;
      const left = possible.filter(
        ({ outcomes: [a, b] }) => matches(a.expected, one, compared) && matches(b.expected, other, compared),
      );
      if (left.length === 0) {
        return this.#unexpected(
          [first, second],
          [one, other],
          possible.map(({ outcomes }) => outcomes),
        );
      }
      const next = distinct(left.map(({ world }) => world));
      inOrder = next[0]?.inOrder ?? true;
      this.#ours.worlds = next;
    }
    for (const call of inOrder ? calls : [...calls].reverse()) await this.#playTheirs(call);
    return undefined;
  }

  async #disconnect(session: number, behind: Request | undefined): Promise<Failure | undefined> {
    const call = behind === undefined || !this.#target.endsWithRequests ? undefined : { session, request: behind };
    const ours = this.#ours;
    const link = ours.links[session];
    if (link === undefined) return undefined;
    let worlds = ours.worlds;
    if (call !== undefined && this.#applies(ours, call)) {
      worlds = [
        ...worlds,
        ...worlds.flatMap((world) => apply(world, ours.rules, session, call.request).map((each) => each.world)),
      ];
      void link.call(call.request).catch(() => undefined);
    }
    await link.disconnect();
    ours.worlds = distinct(worlds.flatMap((world) => die(world, ours.rules, session)));
    ours.links[session] = await this.#target.connect();
    const theirs = this.#theirs;
    const [world] = theirs.worlds;
    const their = theirs.links[session];
    if (world === undefined || their === undefined) return undefined;
    await endSession(their);
    theirs.worlds = die(world, theirs.rules, session);
    theirs.links[session] = await this.#oracle.connect();
    return undefined;
  }

  #forbidden({ session, request }: Call): boolean {
    return this.#guarded && this.#ours.worlds.some((world) => meetsForeign(world, session, request));
  }

  /** Whether the request can be sent: its handle is there, and nobody has reason to forbid it. */
  #applies(side: Side, { session, request }: Call): boolean {
    const link = side.links[session];
    if (link === undefined) return false;
    if (request.op === 'open') {
      return !link.has(request.slot) && !this.#makesParents(side, request.path);
    }
    // sftp-server compares the handles' paths only: a file that is copied into itself would grow without end.
    if (request.op === 'copy-data') {
      if (request.slot === request.target || !link.has(request.slot) || !link.has(request.target)) return false;
      return side.worlds.every((world) => {
        const from = world.handles.get(handleKey(session, request.slot));
        const to = world.handles.get(handleKey(session, request.target));
        return from !== undefined && to !== undefined && from.node !== to.node && from.path !== to.path;
      });
    }
    if ('slot' in request) return link.has(request.slot);
    if (request.op === 'hardlink') return this.#target.hardlinks;
    if (request.op === 'rename' || request.op === 'posix-rename') return !this.#makesParents(side, request.target);
    if (request.op === 'mkdir') return !this.#makesParents(side, request.path);
    return true;
  }

  #makesParents(side: Side, path: string): boolean {
    return this.#target.implicitParents && side.worlds.some((world) => locate(world, path).error !== undefined);
  }

  #unexpected(calls: readonly Call[], answers: readonly Answer[], outcomes: readonly (readonly Outcome[])[]): Failure {
    const expected = [
      ...new Set(outcomes.map((each) => each.map((outcome) => describeExpectation(outcome.expected)).join('  and  '))),
    ];
    const text =
      `answered: ${answers.map(describeAnswer).join('  and  ')}\n` +
      `allowed:  ${expected.slice(0, 8).join('\n      or: ')}`;
    const kinds = answers.map((answer) => (answer.kind === 'status' ? `status ${answer.code}` : answer.kind));
    const wanted = [...new Set(outcomes.map((each) => each.map(({ expected: { kind } }) => kind).join(' and ')))];
    const looking = calls.some(({ session }) => session === OBSERVER) ? 'at the end ' : '';
    return this.#failure(
      text,
      `${looking}${calls.map(({ request }) => request.op).join(' || ')}: ${kinds.join(' and ')}, not ${wanted.slice(0, 4).join(' or ')}`,
    );
  }

  #failure(text: string, signature: string): Failure {
    return { step: this.#step, text, signature };
  }
}

/** Whether the request names, or sets through a handle, what another session is writing, or a directory above it. */
function meetsForeign(world: World, session: number, request: Request): boolean {
  const foreign = (id: number | undefined): boolean => {
    const node = id === undefined ? undefined : world.nodes.get(id);
    if (node === undefined) return false;
    if (node.kind === 'directory') return [...node.entries.values()].some(foreign);
    return node.uploads.some(
      (each) => world.uploads.get(each)?.handles.some((key) => sessionOf(key) !== session) === true,
    );
  };
  if (request.op === 'list') return false;
  if ('slot' in request && request.op !== 'open') {
    const slots = request.op === 'copy-data' ? [request.slot, request.target] : [request.slot];
    return (
      request.op === 'fsetstat' && slots.some((slot) => foreign(world.handles.get(handleKey(session, slot))?.node))
    );
  }
  const paths = 'target' in request ? [request.path, request.target] : [request.path];
  return paths.some((path) => {
    const place = locate(world, path);
    return place.error === undefined && foreign(place.id);
  });
}

/** Two requests of which one begins to write. */
function meetsThrough(calls: readonly [Call, Call]): boolean {
  return calls.some(({ request }) => request.op === 'open' && request.flags !== 0x01 && request.flags !== 0);
}

/** Every name, every attribute and every byte, through a new session. */
function lookRound(): Step[] {
  const look = (request: Request): Step => ({ kind: 'call', session: OBSERVER, request });
  const paths = [...FILES, ...DIRECTORIES, 'f', 'd/s', 'e/s'];
  return [
    ...['.', 'd', 'e', 'f'].map((path) => look({ op: 'list', path })),
    ...paths.flatMap((path) => [
      look({ op: 'stat', path }),
      look({ op: 'open', slot: 0, path, flags: 0x01 }),
      look({ op: 'read', slot: 0, offset: 0, length: WHOLE }),
      look({ op: 'close', slot: 0 }),
    ]),
  ];
}

function initialWorld({ tree }: Sequence): World {
  const world = emptyWorld();
  for (const name of tree.directories) {
    const place = locate(world, name);
    if (place.error !== undefined) throw new Error(`no place for ${name}`);
    const id = newId(world);
    world.nodes.set(id, { kind: 'directory', mode: 0o755, entries: new Map() });
    place.parent.entries.set(place.name, id);
  }
  for (const { path, length, fill } of tree.files) {
    const place = locate(world, path);
    if (place.error !== undefined) throw new Error(`no place for ${path}`);
    const content = addContent(world, { bytes: fillBytes(fill, length), mode: 0o644, mtime: 'recent' });
    const id = newId(world);
    world.nodes.set(id, { kind: 'file', committed: content, uploads: [] });
    place.parent.entries.set(place.name, id);
  }
  return world;
}

function distinct(worlds: readonly World[]): World[] {
  if (worlds.length <= 1) return [...worlds];
  const found = new Map<string, World>();
  for (const world of worlds) {
    const key = worldKey(world);
    if (!found.has(key)) found.set(key, world);
  }
  return [...found.values()];
}

export function describeSequence({ seed, partialUploads, tree, steps }: Sequence, failure?: Failure): string {
  const lines = [
    `seed ${seed}, partialUploads ${partialUploads}, at first: ${tree.files.map(({ path, length, fill }) => `${path} ${length}×'${String.fromCharCode(0x21 + fill)}'`).join(', ')}`,
    ...steps.map((step, index) => `${index === failure?.step ? '=>' : '  '} ${describeStep(step)}`),
  ];
  if (failure !== undefined) {
    if (failure.step >= steps.length) lines.push('=> at the end, when all is closed');
    lines.push(failure.text);
  }
  return lines.join('\n');
}
