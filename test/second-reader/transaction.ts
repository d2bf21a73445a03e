/**
 * Transactions and what they change in the state, written from docs/formats/transaction.md, asset-id.md ("On the ledger"),
 * proof-space.md ("On the ledger") and ledger-state.md.
 */
import { CID } from 'multiformats/cid';
import { type Fields, type Value, decode, encode } from './cbor.ts';
import { hex, isMap, Reader, readMap, same, sha256 } from './fields.ts';
import { leafOf, rootOf } from './merkle.ts';
import type { Combined } from './proof.ts';
import { readRecord } from './record.ts';
import { demand } from './refusal.ts';
import { checkPlotSize, defaults } from './requirements.ts';
import { checkOpening } from './space.ts';

const malformed = 'TRANSACTION_MALFORMED';
const kinds = /^[a-z][a-z0-9-]{0,31}(\.[a-z0-9-]{1,31}){1,3}$/;

/** Entries of a state: keys with encoded values. */
export type State = Map<string, Uint8Array>;

/** A transaction of which form and signatures were checked. */
export interface Transaction {
  readonly hash: Uint8Array;
  readonly signer: Uint8Array;
  readonly network: Uint8Array;
  readonly kind: string;
  readonly asset: string | null;
  readonly previous: Uint8Array | null;
  readonly atMs: number;
  readonly data: Value;
}

/** What a kind may look at in the block that it stands in. */
export interface Surroundings {
  readonly height: number;
  readonly timeMs: number;
  readonly proof: Combined | null;
}

/** What a kind does to a state. */
export type Kind = (state: State, transaction: Transaction, block: Surroundings) => void;

/** Read and check a transaction. */
export function readTransaction(bytes: Uint8Array): Transaction {
  demand(bytes.length <= 4 * 1024 * 1024 + 4096, malformed, 'too large');
  const record = readRecord(bytes, 'transaction');
  const fields = readMap(record.payload, 'v network kind asset previous atMs data', malformed, 'TRANSACTION_VERSION');
  const asset = fields.value('asset') === null ? null : fields.text('asset', /^asset:[a-z]+:b[a-z2-7]{58}$/);
  const data = fields.value('data');
  demand(depthOf(data) <= 16, malformed, 'data too deep');
  return {
    hash: sha256(bytes),
    signer: record.signer,
    network: fields.bytes('network', 32),
    kind: fields.text('kind', kinds),
    asset,
    previous: fields.bytesOrNull('previous', 32),
    atMs: fields.whole('atMs', 0, 2 ** 48 - 1),
    data,
  };
}

/** Root over all entries. */
export function stateRootOf(state: State): Uint8Array {
  return rootOf(
    [...state].sort(([left], [right]) => compare(left, right)).map(([key, value]) => leafOf(encode([key, value]))),
  );
}

/** Order of keys: by their bytes. */
export function compare(left: string, right: string): number {
  return left < right ? -1 : Number(left > right);
}

/** Apply a transaction: its own kind, then the chain of its asset. */
export function apply(state: State, transaction: Transaction, block: Surroundings, others: Record<string, Kind>): void {
  const kind = known[transaction.kind] ?? others[transaction.kind];
  demand(kind !== undefined, 'KIND_UNKNOWN', transaction.kind);
  const { asset, previous, hash } = transaction;
  const chain = `chain/asset/${asset}`;
  const last = asset === null ? undefined : state.get(chain);
  const before = last === undefined ? null : new Reader(decode(last), 'events hash', malformed);
  demand(same(before === null ? null : before.bytes('hash', 32), previous), 'PREVIOUS_MISMATCH', transaction.kind);
  kind(state, transaction, block);
  if (asset !== null) state.set(chain, encode({ events: (before?.whole('events') ?? 0) + 1, hash }));
}

const known: Record<string, Kind> = {
  'network.genesis': (state, { data, signer, hash, atMs }) => {
    const fields = new Reader(data, 'founder nonce', malformed);
    fields.bytes('nonce', 32);
    demand(same(fields.bytes('founder', 32), signer), 'OWNER_MISMATCH', 'founder');
    state.set('chain/genesis', encode({ founder: signer, network: hash, atMs }));
  },
  'asset.registered': (state, { asset, data, signer, hash, previous }, { height }) => {
    const record = new Reader(data, 'record', malformed).bytes('record', undefined, 16_384);
    checkAssetRecord(record, asset!);
    demand(!state.has(`asset/${asset}`) && previous === null, 'ASSET_REGISTERED', asset!);
    const entry = { version: 1, record: sha256(record), owner: signer, registeredAt: height, present: true };
    state.set(`asset/${asset}`, encode({ ...entry, proof: null, last: hash, events: 1 }));
  },
  'asset.proved': (state, transaction, block) => {
    const fields = new Reader(transaction.data, 'proof level capacity', malformed);
    const [id, level, capacity] = [fields.bytes('proof', 32), fields.whole('level', 0, 100), fields.value('capacity')];
    if (capacity !== null) {
      const unit = new Reader(capacity, 'label value unit', malformed);
      demand(unit.text('label').length <= 64 && unit.whole('value') >= 0, malformed, 'capacity');
      unit.text('unit', /^(multiplicationsPerSecond|bytes)$/);
    }
    const challenge = block.proof?.challenge;
    const fits = same(block.proof?.id ?? null, id) && challenge?.asset === transaction.asset;
    demand(fits && same(challenge?.node ?? null, transaction.signer), 'PROOF_MISMATCH', 'another proof');
    const proof = { id, level, capacity, height: block.height, timeMs: block.timeMs };
    change(state, transaction, { present: true, proof });
  },
  'asset.withdrawn': (state, transaction) => {
    demand(isMap(transaction.data) && Object.keys(transaction.data).length === 0, malformed, 'data');
    demand(change(state, transaction, { present: false })['present'] === true, 'ASSET_WITHDRAWN', 'twice');
  },
  'plot.registered': (state, { asset, data, signer }, { height }) => {
    const bytes = new Reader(data, 'opening', malformed).bytes('opening');
    const plot = checkOpening(bytes);
    checkPlotSize(plot, defaults);
    const { root, owner, windows, windowLabels, layers } = plot;
    demand(asset === null && same(owner, signer), 'OWNER_MISMATCH', 'plot');
    demand(!state.has(`plot/${hex(root)}`), 'PLOT_REGISTERED', hex(root));
    const entry = { version: 1, root, owner, bytes: plot.bytes, windows, windowLabels, layers };
    state.set(`plot/${hex(root)}`, encode({ ...entry, opening: sha256(bytes), registeredAt: height }));
  },
  'plot.removed': (state, { asset, data, signer }) => {
    const key = `plot/${hex(new Reader(data, 'root', malformed).bytes('root', 32))}`;
    const value = state.get(key);
    demand(value !== undefined, 'PLOT_UNKNOWN', key);
    demand(asset === null && same((decode(value) as Fields)['owner'] as Uint8Array, signer), 'OWNER_MISMATCH', key);
    state.delete(key);
  },
};

/** Change the entry of an asset that its owner speaks of; returns the entry before. */
function change(state: State, { asset, signer, hash }: Transaction, changes: Fields): Fields {
  const value = state.get(`asset/${asset}`);
  demand(value !== undefined, 'ASSET_UNKNOWN', asset!);
  const entry = decode(value) as Fields;
  demand(same(entry['owner'] as Uint8Array, signer), 'OWNER_MISMATCH', asset!);
  const events = (entry['events'] as number) + 1;
  state.set(`asset/${asset}`, encode({ ...entry, ...changes, last: hash, events }));
  return entry;
}

function checkAssetRecord(bytes: Uint8Array, asset: string): void {
  const names = 'version kind resource unit fingerprint installId registeredAtMs';
  const fields = new Reader(decode(bytes, malformed), names, malformed);
  fields.whole('version', 1, 1);
  const kind = fields.text('kind', /^(cpu|gpu|memory|storage|network|container|economic)$/);
  const resource = fields.text('resource');
  demand(resource.length <= 68 && resource.split(':')[0] === kind, malformed, 'resource');
  fields.text('unit', /^(millicores|millicards|bytes|bytesPerSecond|containers|microCaes)$/);
  fields.bytes('installId', 16);
  fields.whole('registeredAtMs');
  const facts = fields.value('fingerprint');
  demand(isMap(facts) && Object.keys(facts).length <= 64, malformed, 'fingerprint');
  const isFact = (fact: Value) => (typeof fact === 'string' ? fact.length <= 1024 : typeof fact === 'number');
  demand(Object.values(facts).every(isFact), malformed, 'fact');
  const cid = CID.parse(asset.split(':')[2]!);
  const names32 = cid.version === 1 && cid.code === 0x71 && cid.multihash.code === 0x12;
  demand(names32 && same(cid.multihash.digest, sha256(bytes)), 'RECORD_MISMATCH', 'record of another id');
  demand(asset.split(':')[1] === kind, 'RECORD_MISMATCH', 'another kind');
}

function depthOf(value: Value): number {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return 0;
  return 1 + Math.max(0, ...Object.values(value as Fields).map(depthOf));
}
