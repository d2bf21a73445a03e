import { cidOf, decodeCbor, encodeCbor, parseAssetId, sha256, type AssetId } from '../../base/index.ts';
import type { CapacityUnit, ProvenCapacity, ResourceKind } from '../../../preload/contract/index.ts';
import type {
  BlockContext,
  LedgerModule,
  LedgerState,
  SignedTransaction,
  StateUpdate,
  TransactionVerdict,
} from '../blocks/index.ts';

/** What the ledger knows of one asset; docs/formats/asset-id.md. */
export interface AssetState {
  version: 1;
  /** SHA-256 of the registration record. */
  record: Uint8Array;
  /** Key id of whoever registered it; nobody else's events count. */
  owner: Uint8Array;
  /** Height of the block that registered it. */
  registeredAt: number;
  /** Whether the owner has it to lend, as far as the owner has said. */
  present: boolean;
  /** The last combined proof of it, null before the first. */
  proof: { id: Uint8Array; height: number; timeMs: number; level: number; capacity: ProvenCapacity | null } | null;
  /** Hash of its last event: the next one names it. */
  last: Uint8Array;
  /** Events so far. */
  events: number;
}

/** `data` of `asset.proved`. */
export interface AssetProvedData {
  /** Id of the combined proof: SHA-256 over the four. The block around the transaction holds that proof. */
  proof: Uint8Array;
  /** What was shown; null where a proof shows nothing that the asset's unit could count. */
  capacity: ProvenCapacity | null;
  /** What the owner lent of it when it was proved, in percent. */
  level: number;
}

/** Keys of the state are this and the asset id. */
export const ASSET_STATE_PREFIX = 'asset/';
export const assetStateOf = (asset: AssetId): string => `${ASSET_STATE_PREFIX}${asset}`;

/** A record has a few hundred bytes; facts about hardware that need more are no fingerprint. */
const RECORD_BYTES_MAX = 16 * 1024;
const FINGERPRINT_FIELDS_MAX = 64;
const FINGERPRINT_TEXT_MAX = 1024;
const RESOURCE_CHARS_MAX = 68;
const INSTALL_ID_BYTES = 16;
const LABEL_CHARS_MAX = 64;
const HASH_BYTES = 32;

const KINDS: ReadonlySet<string> = new Set<ResourceKind>([
  'cpu',
  'gpu',
  'memory',
  'storage',
  'network',
  'container',
  'economic',
]);
const UNITS: ReadonlySet<string> = new Set<CapacityUnit>([
  'millicores',
  'millicards',
  'bytes',
  'bytesPerSecond',
  'containers',
  'microCaes',
]);
const CAPACITY_UNITS: ReadonlySet<string> = new Set<ProvenCapacity['unit']>(['multiplicationsPerSecond', 'bytes']);

const refuse = (code: string, reason: string): TransactionVerdict => ({ accepted: false, code, reason });
const ACCEPTED: TransactionVerdict = { accepted: true };

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
const hasExactly = (value: Record<string, unknown>, names: readonly string[]): boolean =>
  Object.keys(value).length === names.length && names.every((name) => Object.hasOwn(value, name));
const isHash = (value: unknown): value is Uint8Array => value instanceof Uint8Array && value.length === HASH_BYTES;
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const same = (one: Uint8Array, other: Uint8Array): boolean => Buffer.from(one).equals(other);

/** First thing about a registration record that is not as docs/formats/asset-id.md has it, or null. */
const problemOfRecord = (asset: AssetId, bytes: Uint8Array): string | null => {
  if (bytes.length > RECORD_BYTES_MAX) return `it has more than ${RECORD_BYTES_MAX} bytes`;
  let record: unknown;
  try {
    record = decodeCbor(bytes);
  } catch {
    return 'it is not dag-cbor';
  }
  if (!isMap(record)) return 'it is not a map';
  if (!hasExactly(record, ['version', 'kind', 'resource', 'unit', 'fingerprint', 'installId', 'registeredAtMs']))
    return 'it does not have exactly the fields of a record';
  const { version, kind, resource, unit, fingerprint, installId, registeredAtMs } = record;
  if (version !== 1) return 'its version is not 1';
  if (typeof kind !== 'string' || !KINDS.has(kind)) return 'its kind is not known';
  if (typeof resource !== 'string' || resource.length > RESOURCE_CHARS_MAX || resource.split(':')[0] !== kind)
    return 'its resource is not of its kind';
  if (typeof unit !== 'string' || !UNITS.has(unit)) return 'its unit is not known';
  if (!isMap(fingerprint) || Object.keys(fingerprint).length > FINGERPRINT_FIELDS_MAX)
    return 'its fingerprint is not a map of facts';
  for (const fact of Object.values(fingerprint)) {
    if (typeof fact === 'number') continue;
    if (typeof fact !== 'string' || fact.length > FINGERPRINT_TEXT_MAX)
      return 'a fact in its fingerprint is no text or number';
  }
  if (!(installId instanceof Uint8Array) || installId.length !== INSTALL_ID_BYTES)
    return `its install id is not ${INSTALL_ID_BYTES} bytes`;
  if (!isCount(registeredAtMs)) return 'its time is no time';
  if (!same(encodeCbor(record), bytes)) return 'it is not canonical';
  // The id is the name of exactly these bytes: a record of other hardware has another name.
  if (`asset:${kind}:${cidOf(bytes)}` !== asset) return 'the asset id is not its name';
  return null;
};

const problemOfCapacity = (value: unknown): string | null => {
  if (value === null) return null;
  if (!isMap(value) || !hasExactly(value, ['label', 'value', 'unit']))
    return 'a capacity has a label, a value and a unit';
  if (typeof value['label'] !== 'string' || value['label'].length > LABEL_CHARS_MAX)
    return 'its label is no short text';
  if (!isCount(value['value'])) return 'its value is no whole number';
  if (typeof value['unit'] !== 'string' || !CAPACITY_UNITS.has(value['unit'])) return 'its unit is not known';
  return null;
};

/** @returns the state, or undefined when there is none. @throws {Error} when it was not written by this module */
export const decodeAssetState = (value: Uint8Array | undefined): AssetState | undefined => {
  if (value === undefined) return undefined;
  const state = decodeCbor(value);
  if (!isMap(state) || state['version'] !== 1)
    throw new Error('The state of an asset has a version that is not known.');
  return state as unknown as AssetState;
};
const readState = (state: LedgerState, asset: AssetId): AssetState | undefined =>
  decodeAssetState(state.get(assetStateOf(asset)));

const dataProblem = (kind: string, asset: AssetId, data: unknown): TransactionVerdict | null => {
  const malformed = (reason: string): TransactionVerdict => refuse('TRANSACTION_MALFORMED', `${kind}: ${reason}.`);
  if (!isMap(data)) return malformed('its data is no map');
  switch (kind) {
    case 'asset.registered': {
      if (!hasExactly(data, ['record']) || !(data['record'] instanceof Uint8Array))
        return malformed('its data is not exactly a record');
      const problem = problemOfRecord(asset, data['record']);
      return problem === null ? null : refuse('RECORD_MISMATCH', `The registration record does not hold: ${problem}.`);
    }
    case 'asset.proved': {
      if (!hasExactly(data, ['proof', 'capacity', 'level']) || !isHash(data['proof']))
        return malformed('its data is not exactly proof, capacity and level');
      if (!isCount(data['level']) || data['level'] > 100) return malformed('its level is no percentage');
      const problem = problemOfCapacity(data['capacity']);
      return problem === null ? null : malformed(problem);
    }
    default:
      return hasExactly(data, []) ? null : malformed('it carries no data');
  }
};

const check = (transaction: SignedTransaction, state: LedgerState, block?: BlockContext): TransactionVerdict => {
  const { kind, previous, data } = transaction.transaction;
  const asset = transaction.transaction.asset === null ? null : parseAssetId(transaction.transaction.asset);
  if (asset === null) return refuse('TRANSACTION_MALFORMED', `${kind} is about an asset, and this one names none.`);
  const problem = dataProblem(kind, asset, data);
  if (problem !== null) return problem;
  const known = readState(state, asset);
  if (kind === 'asset.registered') {
    if (known !== undefined) return refuse('ASSET_REGISTERED', `${asset} is registered already.`);
    return previous === null
      ? ACCEPTED
      : refuse(
          'PREVIOUS_MISMATCH',
          'A registration is the first event of its asset, and this one names an earlier one.',
        );
  }
  if (known === undefined) return refuse('ASSET_UNKNOWN', `${asset} is not registered.`);
  if (!same(known.owner, transaction.signerBytes))
    return refuse('OWNER_MISMATCH', `${asset} belongs to another than the signer.`);
  if (previous === null || !same(previous, known.last))
    return refuse('PREVIOUS_MISMATCH', `This event does not follow the last one of ${asset}.`);
  if (kind === 'asset.withdrawn')
    return known.present ? ACCEPTED : refuse('ASSET_WITHDRAWN', `${asset} is withdrawn already.`);
  if (block?.proof !== undefined) {
    const { proof } = data as AssetProvedData;
    if (block.proof === null || !same(block.proof.id, proof))
      return refuse('PROOF_MISMATCH', 'The block does not hold the proof that this event speaks of.');
    if (block.proof.asset !== asset)
      return refuse('PROOF_MISMATCH', `The proof in the block is of ${block.proof.asset}, not of ${asset}.`);
    if (!same(block.proof.node, transaction.signerBytes))
      return refuse('PROOF_MISMATCH', 'The proof in the block was made by another node than the signer.');
  }
  return ACCEPTED;
};

const apply = (transaction: SignedTransaction, state: LedgerState, block: BlockContext): StateUpdate[] => {
  const { kind, asset, data } = transaction.transaction;
  if (asset === null) throw new Error('An event of no asset was accepted.');
  const known = readState(state, asset);
  const next = ((): AssetState => {
    if (known === undefined)
      return {
        version: 1,
        record: sha256((data as { record: Uint8Array }).record),
        owner: transaction.signerBytes,
        registeredAt: block.height,
        present: true,
        proof: null,
        last: transaction.hash,
        events: 1,
      };
    const after = { ...known, last: transaction.hash, events: known.events + 1 };
    if (kind === 'asset.withdrawn') return { ...after, present: false };
    const { proof, capacity, level } = data as AssetProvedData;
    return {
      ...after,
      present: true,
      proof: { id: proof, height: block.height, timeMs: block.timeMs, level, capacity },
    };
  })();
  return [{ key: assetStateOf(asset), value: encodeCbor(next) }];
};

/**
 * The registry of assets on the ledger: who registered which hardware, and what was last proved of it. It refuses what is
 * not signed by the owner, does not follow the asset's last event, or speaks of a proof that the block does not hold.
 */
export const assetLedger: LedgerModule = {
  kinds: ['asset.registered', 'asset.proved', 'asset.withdrawn'],
  check,
  apply,
};
