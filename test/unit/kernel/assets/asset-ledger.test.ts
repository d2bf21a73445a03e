import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeCbor, sha256, type AssetId } from '../../../../main/base/index.ts';
import { keyIdText } from '../../../../main/base/crypto/index.ts';
import { assetLedger, assetStateOf, decodeAssetState } from '../../../../main/kernel/assets/index.ts';
import { registrationOf, type RegistrationRecord } from '../../../../main/kernel/assets/registry.ts';
import type { LedgerState, SignedTransaction, StateUpdate } from '../../../../main/kernel/blocks/index.ts';

interface Vector {
  record: Omit<RegistrationRecord, 'installId'> & { installId: string };
}
const vectors = JSON.parse(
  readFileSync(new URL('../../../vectors/asset-id/registrations.json', import.meta.url), 'utf8'),
) as Vector[];
const [first, second] = vectors.map(({ record }) =>
  registrationOf({ ...record, installId: Buffer.from(record.installId, 'hex') }),
);
if (first === undefined || second === undefined) throw new Error('two records are needed');

const owner = new Uint8Array(32).fill(1);
const stranger = new Uint8Array(32).fill(2);
const proof = new Uint8Array(32).fill(3);

/** The state as a map, with what a block would do to it. */
class State implements LedgerState {
  readonly values = new Map<string, Uint8Array>();
  get(key: string): Uint8Array | undefined {
    return this.values.get(key);
  }
  *entries(prefix: string): Iterable<readonly [string, Uint8Array]> {
    for (const [key, value] of this.values) if (key.startsWith(prefix)) yield [key, value];
  }
  take(updates: readonly StateUpdate[]): void {
    for (const { key, value } of updates)
      if (value === null) this.values.delete(key);
      else this.values.set(key, value);
  }
}

let count = 0;
const event = (
  kind: string,
  asset: AssetId | null,
  data: unknown,
  previous: Uint8Array | null,
  signer = owner,
): SignedTransaction => {
  const transaction = {
    version: 1 as const,
    network: new Uint8Array(32),
    kind,
    asset,
    previous,
    atMs: 1_767_571_200_000 + count++,
    data,
  };
  const encoded = encodeCbor(transaction);
  return { hash: sha256(encoded), encoded, transaction, signer: keyIdText(signer), signerBytes: signer };
};
const proved = (asset: AssetId, previous: Uint8Array | null, change: object = {}, signer = owner): SignedTransaction =>
  event(
    'asset.proved',
    asset,
    { proof, capacity: { label: 'Matrix product', value: 7, unit: 'multiplicationsPerSecond' }, level: 50, ...change },
    previous,
    signer,
  );
const codeOf = (verdict: ReturnType<typeof assetLedger.check>): string =>
  verdict.accepted ? 'accepted' : verdict.code;
const block = { height: 4, timeMs: 1_767_571_300_000 };

const registered = (): { state: State; last: Uint8Array } => {
  const state = new State();
  const transaction = event('asset.registered', first.id, { record: first.bytes }, null);
  expect(assetLedger.check(transaction, state)).toEqual({ accepted: true });
  state.take(assetLedger.apply(transaction, state, block));
  return { state, last: transaction.hash };
};

describe('the registry of assets on the ledger', () => {
  it('keeps who registered what, and what was proved last', () => {
    const { state, last } = registered();
    const expected = {
      version: 1,
      record: sha256(first.bytes),
      owner,
      registeredAt: 4,
      present: true,
      proof: null,
      last,
      events: 1,
    };
    expect(state.get(assetStateOf(first.id))).toEqual(encodeCbor(expected));
    const next = proved(first.id, last);
    const around = { ...block, height: 5, proof: { id: proof, asset: first.id, node: owner } };
    expect(assetLedger.check(next, state, around)).toEqual({ accepted: true });
    state.take(assetLedger.apply(next, state, around));
    expect(decodeAssetState(state.get(assetStateOf(first.id)))).toMatchObject({
      proof: { height: 5, level: 50, capacity: { value: 7 } },
      events: 2,
    });
    const gone = event('asset.withdrawn', first.id, {}, next.hash);
    state.take(assetLedger.apply(gone, state, around));
    expect(decodeAssetState(state.get(assetStateOf(first.id)))).toMatchObject({ present: false, events: 3 });
    expect(codeOf(assetLedger.check(event('asset.withdrawn', first.id, {}, gone.hash), state))).toBe('ASSET_WITHDRAWN');
    // Back again: the next proof says so.
    state.take(assetLedger.apply(proved(first.id, gone.hash), state, around));
    expect(decodeAssetState(state.get(assetStateOf(first.id)))).toMatchObject({ present: true, events: 4 });
  });

  it('keeps the state that the format page shows', () => {
    const vector = JSON.parse(
      readFileSync(new URL('../../../vectors/asset-id/ledger-state.json', import.meta.url), 'utf8'),
    ) as { asset: AssetId; valueHex: string };
    const transaction = { ...event('asset.registered', first.id, { record: first.bytes }, null), hash: stranger };
    const [update] = assetLedger.apply(transaction, new State(), block);
    expect(update?.key).toBe(assetStateOf(vector.asset));
    expect(Buffer.from(update?.value ?? []).toString('hex')).toBe(vector.valueHex);
  });

  it('refuses a registration whose id is not the name of its record', () => {
    const state = new State();
    const codes = [second.bytes, new Uint8Array(), Uint8Array.of(0xa0), new Uint8Array(20_000)].map((record) =>
      codeOf(assetLedger.check(event('asset.registered', first.id, { record }, null), state)),
    );
    expect(new Set(codes)).toEqual(new Set(['RECORD_MISMATCH']));
  });
  it('refuses every record with one byte changed', () => {
    const state = new State();
    fc.assert(
      fc.property(fc.nat(first.bytes.length - 1), fc.integer({ min: 1, max: 255 }), (place, change) => {
        const record = Uint8Array.from(first.bytes);
        record[place] = (record[place] as number) ^ change;
        const verdict = assetLedger.check(event('asset.registered', first.id, { record }, null), state);
        expect(codeOf(verdict)).toBe('RECORD_MISMATCH');
      }),
    );
  });
  it.each([
    ['a field too many', { colour: 'red' }],
    ['a version that is not known', { version: 2 }],
    ['another kind', { kind: 'tea' }],
    ['a resource of another kind', { resource: 'memory' }],
    ['a short install id', { installId: new Uint8Array(15) }],
    ['a time before time', { registeredAtMs: -1 }],
    ['facts that are lists', { fingerprint: { a: [1] } }],
  ])('refuses a record with %s, even under its own name', (_name, change) => {
    const made = registrationOf({
      ...(vectors[0] as Vector).record,
      installId: new Uint8Array(16),
      ...change,
    } as RegistrationRecord);
    const id = made.id.replace(/^asset:[a-z]+:/, 'asset:cpu:') as AssetId;
    expect(codeOf(assetLedger.check(event('asset.registered', id, { record: made.bytes }, null), new State()))).toBe(
      'RECORD_MISMATCH',
    );
  });
  it('refuses to register twice, and a first event that follows another', () => {
    const { state, last } = registered();
    expect(codeOf(assetLedger.check(event('asset.registered', first.id, { record: first.bytes }, null), state))).toBe(
      'ASSET_REGISTERED',
    );
    expect(
      codeOf(assetLedger.check(event('asset.registered', second.id, { record: second.bytes }, last), new State())),
    ).toBe('PREVIOUS_MISMATCH');
  });
  it('refuses events of assets that nobody registered', () => {
    const { state, last } = registered();
    expect(codeOf(assetLedger.check(proved(second.id, last), state))).toBe('ASSET_UNKNOWN');
    expect(codeOf(assetLedger.check(event('asset.withdrawn', second.id, {}, last), state))).toBe('ASSET_UNKNOWN');
    expect(codeOf(assetLedger.check(event('asset.proved', null, {}, last), state))).toBe('TRANSACTION_MALFORMED');
  });
  it('refuses an event out of its order', () => {
    const { state } = registered();
    for (const previous of [null, new Uint8Array(32), proof])
      expect(codeOf(assetLedger.check(proved(first.id, previous), state))).toBe('PREVIOUS_MISMATCH');
  });
  it('refuses a stranger', () => {
    const { state, last } = registered();
    expect(codeOf(assetLedger.check(proved(first.id, last, {}, stranger), state))).toBe('OWNER_MISMATCH');
    expect(codeOf(assetLedger.check(event('asset.withdrawn', first.id, {}, last, stranger), state))).toBe(
      'OWNER_MISMATCH',
    );
  });
  it('refuses to speak of a proof that the block does not hold', () => {
    const { state, last } = registered();
    const transaction = proved(first.id, last);
    for (const around of [
      null,
      { id: new Uint8Array(32), asset: first.id, node: owner },
      { id: proof, asset: second.id, node: owner },
      { id: proof, asset: first.id, node: stranger },
    ])
      expect(codeOf(assetLedger.check(transaction, state, { ...block, proof: around }))).toBe('PROOF_MISMATCH');
  });
  it.each([
    ['a level above all', { level: 101 }],
    ['a level that is no whole number', { level: 1.5 }],
    ['a short proof id', { proof: new Uint8Array(31) }],
    ['a capacity below nothing', { capacity: { label: 'x', value: -1, unit: 'bytes' } }],
    ['a capacity in a unit that is not known', { capacity: { label: 'x', value: 1, unit: 'horses' } }],
    ['a label of great length', { capacity: { label: 'x'.repeat(65), value: 1, unit: 'bytes' } }],
    ['a field too many', { more: 1 }],
  ])('refuses %s', (_name, change) => {
    const { state, last } = registered();
    expect(codeOf(assetLedger.check(proved(first.id, last, change), state))).toBe('TRANSACTION_MALFORMED');
  });
});
