/** Chain files and the check of a chain, written from docs/formats/block-file.md and block.md ("Checking a chain"). */
import { type Body, type Header, openBody, readHeader, type Update } from './block.ts';
import { type Fields, type Value, decode } from './cbor.ts';
import { hex, isMap, Reader, same, sha256 } from './fields.ts';
import { type Combined, checkCombined, decodeProof } from './proof.ts';
import { demand } from './refusal.ts';
import { checkRequirements, defaults } from './requirements.ts';
import type { Verifier } from './time.ts';
import { apply, compare, type Kind, readTransaction, type State, stateRootOf } from './transaction.ts';

const unreadable = 'CHAIN_FILE_UNREADABLE';
const invalid = 'CHAIN_INVALID';
const magic = 'hypermesh-chain\n';
const most = 19 * 1024 * 1024 + 64 * 1024;

/** Stands in for the check of a combined proof where a vector holds a proof that only tests accept. */
export type ProofCheck = (proof: Uint8Array, header: Header, attachments: Uint8Array[]) => Combined | null;

/** What may differ between a chain of the program and one of tests. */
export interface Rules {
  readonly verifier: Verifier;
  readonly kinds?: Record<string, Kind>;
  readonly checkProof?: ProofCheck;
}

/** What was found in a chain file. */
export interface Chain {
  readonly network: Uint8Array;
  readonly readable: boolean;
  readonly headers: Header[];
  readonly bodies: Body[];
  readonly state: State;
}

/** Read a chain file and check everything in it. */
export function checkChainFile(bytes: Uint8Array, rules: Rules): Chain {
  const frames = framesOf(bytes);
  const next = () => {
    const frame = frames.shift();
    demand(frame !== undefined, unreadable, 'ends early');
    return frame;
  };
  const take = (type: string, names: string) => {
    const frame = next();
    demand(frame['type'] === type, unreadable, `no ${type}`);
    return new Reader(frame, `type ${names}`, unreadable);
  };
  demand(frames[0]?.['type'] !== 'head' || !isLater(frames[0]['v']), 'CHAIN_FILE_NEWER', 'a later version');
  const head = take('head', 'v network from to readable base');
  demand(head.whole('v') === 1, unreadable, 'version');
  const [network, from] = [head.bytes('network', 32), head.whole('from')];
  const [to, readable] = [head.whole('to', from), head.value('readable')];
  demand(typeof readable === 'boolean', unreadable, 'readable');
  const given = head.value('base');
  const base = given === null ? null : new Reader(given, 'height entries attachments', unreadable);
  const bare = base === null ? -1 : base.whole('height', from, to);
  demand(base === null || readable, unreadable, 'a base of a sealed file');

  const state: State = new Map();
  const entries = base === null ? 0 : base.whole('entries', 0, 1_000_000);
  while (state.size < entries) addEntries(state, take('state', 'entries').list('entries'));
  demand(state.size === entries, unreadable, 'more entries than told');
  const count = base === null ? 0 : base.whole('attachments', 0, 4096);
  const attachments = Array.from({ length: count }, () => take('attachment', 'data').bytes('data'));

  const [headers, bodies]: [Header[], Body[]] = [[], []];
  const keyless = frames[0]?.['key'] === null;
  demand(base !== null || from === 0 || !readable || keyless, unreadable, 'bodies without a base');
  for (let height = from; height <= to; height += 1) {
    const block = take('block', 'header sealed key');
    const header = readHeader(block.bytes('header'));
    checkHeader(header, headers.at(-1), { height, network, nowMs: rules.verifier.nowMs, founder: founderOf(state) });
    const [sealed, key] = [block.bytesOrNull('sealed'), block.bytesOrNull('key', 32)];
    const isBare = !readable || (base === null ? keyless : height <= bare);
    demand((key === null) === isBare && (isBare || sealed !== null), unreadable, `key or body of ${height}`);
    demand(!isBare || !readable || sealed === null, unreadable, `a body of ${height} without its key`);
    if (height === bare) demand(same(stateRootOf(state), header.stateRoot), invalid, 'root of the base');
    if (!isBare) {
      const body = openBody(sealed!, header, key!);
      checkBody(body, header, headers.at(-1), state, attachments, rules);
      bodies.push(body);
    }
    headers.push(header);
  }
  demand(take('end', 'blocks').whole('blocks') === to - from + 1 && frames.length === 0, unreadable, 'end');
  return { network, readable, headers, bodies, state };
}

function framesOf(bytes: Uint8Array): Fields[] {
  const file = Buffer.from(bytes);
  demand(file.subarray(0, 16).toString('latin1') === magic, unreadable, 'no chain file');
  const frames: Fields[] = [];
  let before = sha256(magic);
  for (let at = 16; at < file.length; ) {
    demand(at + 4 <= file.length, unreadable, 'ends early');
    const [start, end] = [at + 4, at + 4 + file.readUInt32BE(at)];
    demand(end - start <= most && end + 32 <= file.length, unreadable, 'a frame too large');
    const digest = sha256(before, file.subarray(at, end));
    demand(same(digest, file.subarray(end, end + 32)), unreadable, 'another digest');
    const frame = decode(file.subarray(start, end), unreadable);
    demand(isMap(frame), unreadable, 'a frame that is no map');
    frames.push(frame);
    [before, at] = [digest, end + 32];
  }
  return frames;
}

function isLater(version: Value | undefined): boolean {
  return typeof version === 'bigint' || (typeof version === 'number' && Number.isInteger(version) && version > 1);
}

function addEntries(state: State, entries: Value[]): void {
  demand(entries.length > 0, unreadable, 'a frame without entries');
  let last = [...state.keys()].at(-1);
  for (const entry of entries) {
    demand(Array.isArray(entry) && entry.length === 2, unreadable, 'entry');
    const [key, value] = entry;
    demand(typeof key === 'string' && /^[\x21-\x7e]{1,256}$/.test(key), unreadable, 'key');
    demand(last === undefined || compare(last, key) < 0, unreadable, 'keys out of order');
    demand(value instanceof Uint8Array && value.length <= 65_536, unreadable, 'value');
    decode(value, unreadable);
    state.set(key, value);
    last = key;
  }
}

function founderOf(state: State): Uint8Array | null {
  const genesis = state.get('chain/genesis');
  return genesis === undefined
    ? null
    : new Reader(decode(genesis), 'founder network atMs', invalid).bytes('founder', 32);
}

type Expected = { height: number; network: Uint8Array; nowMs: number; founder: Uint8Array | null };

function checkHeader(header: Header, before: Header | undefined, expected: Expected): void {
  const { height, network, timeMs, proposer, previous } = header;
  demand(height === expected.height && same(network, expected.network), invalid, `height or network of ${height}`);
  demand(timeMs <= expected.nowMs + 120_000, invalid, `time of ${height}`);
  demand(expected.founder === null || same(proposer, expected.founder), invalid, `proposer of ${height}`);
  if (before === undefined) return;
  demand(same(previous, before.hash) && timeMs > before.timeMs, invalid, `order of ${height}`);
  demand(same(proposer, before.proposer), invalid, `proposer of ${height}`);
}

/** Check a body against its header and the state before it, which is changed to the state after it. */
function checkBody(
  body: Body,
  header: Header,
  before: Header | undefined,
  state: State,
  carried: Uint8Array[],
  rules: Rules,
): void {
  const { height, timeMs, network } = header;
  const transactions = body.transactions.map(readTransaction);
  const first = height === 0;
  demand(transactions.length > 0 && (!first || transactions.length === 1), invalid, 'number of transactions');
  demand(first === (body.proof === null) && (!first || body.attachments.length === 0), invalid, 'proof');
  demand(
    body.attachments.every((one) => !carried.some((other) => same(one, other))),
    invalid,
    'attachment twice',
  );
  const isNamed = body.attachments.every((one) => Buffer.from(body.proof ?? []).includes(sha256(one)));
  demand(isNamed, invalid, 'an attachment that the proof does not name');
  carried.push(...body.attachments);
  const check = rules.checkProof ?? checkProofOfBlock(before, rules.verifier);
  const proof = body.proof === null ? null : check(body.proof, header, carried);

  const old: State = new Map(state);
  for (const transaction of transactions) {
    demand((transaction.kind === 'network.genesis') === first, invalid, 'genesis');
    demand(same(transaction.network, first ? Buffer.alloc(32) : network), invalid, 'network of a transaction');
    demand(!first || same(transaction.hash, network), invalid, 'name of the network');
    const since = before?.timeMs ?? -1;
    demand(transaction.atMs > since && transaction.atMs <= timeMs, invalid, 'time of a transaction');
    apply(state, transaction, { height, timeMs, proof }, rules.kinds ?? {});
  }
  const shown = body.updates.map(([key, value]) => `${key} ${value === null ? null : hex(value)}`);
  const made = updatesBetween(old, state).map(([key, value]) => `${key} ${value === null ? null : hex(value)}`);
  demand(shown.join('\n') === made.join('\n'), invalid, `updates of ${height}`);
  demand(same(stateRootOf(state), header.stateRoot), invalid, `state root of ${height}`);
}

function updatesBetween(before: State, after: State): Update[] {
  const keys = [...new Set([...before.keys(), ...after.keys()])].sort(compare);
  const changed = keys.filter((key) => !same(before.get(key) ?? null, after.get(key) ?? null));
  return changed.map((key) => [key, after.get(key) ?? null]);
}

const checkProofOfBlock =
  (before: Header | undefined, verifier: Verifier): ProofCheck =>
  (bytes, header, attachments) => {
    const proof = checkCombined(decodeProof(bytes), attachments, { ...verifier, nowMs: header.timeMs });
    checkRequirements(proof, defaults, header.timeMs);
    const { challenge, work, time } = proof;
    const isOf = challenge.purpose === 'block' && same(challenge.network, header.network);
    const isBy = same(challenge.node, header.proposer) && same(challenge.issuer, header.proposer);
    demand(isOf && isBy, invalid, 'a proof for something else');
    const { anchor } = challenge;
    const follows = anchor !== null && anchor.height === before?.height && same(anchor.hash, before.hash);
    demand(follows, invalid, 'a proof with another anchor');
    demand(before.timeMs <= time.startedAtMs + verifier.skewMs, 'BEFORE_ANCHOR', 'time of the proof');
    demand(time.finishedAtMs <= header.timeMs && header.timeMs <= challenge.expiresAtMs, invalid, 'time of the proof');
    demand(BigInt(work.multiplications + time.steps) === header.difficulty, invalid, 'difficulty');
    return proof;
  };
