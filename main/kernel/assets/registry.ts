import {
  assert,
  assetIdOf,
  decodeCbor,
  encodeCbor,
  messageOf,
  parseAssetId,
  type AssetId,
  type Clock,
  type Statement,
  type Store,
} from '../../base/index.ts';
import type { Asset, CapacityUnit, Reading, ResourceKey, ResourceKind } from '../../../preload/contract/index.ts';
import { ASSETS_MAX, INSTALL_ID_BYTES } from './constants.ts';
import { RegistryError } from './errors.ts';
import type { DetectedAsset } from './interface.ts';
import { kindOf } from './limits/index.ts';

/** Version of the registration record; docs/formats/asset-id.md. */
export const REGISTRATION_VERSION = 1;

/** What an asset id is the name of: the dag-cbor bytes of this are hashed. docs/formats/asset-id.md */
export interface RegistrationRecord {
  version: typeof REGISTRATION_VERSION;
  kind: ResourceKind;
  resource: ResourceKey;
  unit: CapacityUnit;
  /** Facts that tell this piece of hardware from others of its kind. */
  fingerprint: Record<string, string | number>;
  /** 16 random bytes of this installation: two machines of one make have different assets. */
  installId: Uint8Array;
  registeredAtMs: number;
}

/** Assets that this node has ever had. Same hardware, same id: also after it was unplugged, also after years. */
export interface AssetRegistry {
  /** @throws {RegistryError} `ASSET_RECORD_CORRUPT`: a row is not what its id names */
  load(): Promise<void>;
  /** Finds or registers each, and marks all others as gone. Rows are on disk when it resolves. */
  update(detected: readonly DetectedAsset[]): Promise<void>;
  /** Present ones first, each part in the order of registration. */
  list(): Asset[];
  get(id: string): Asset | undefined;
  /** Registration record that the id is the name of, as canonical dag-cbor. */
  record(id: string): Uint8Array | undefined;
  /** The one that is there now. */
  presentFor(resource: ResourceKey): Asset | undefined;
  /** Resources that were ever registered. */
  resources(): ResourceKey[];
}
export interface AssetRegistryComponents {
  clock: Clock;
  store: Store;
}
export interface AssetRegistryInit {
  installId: Uint8Array;
}

type AssetRow = {
  id: string;
  kind: string;
  resource: string;
  label: string;
  unit: string;
  record: Uint8Array;
  registered_at_ms: number;
};

const GONE: Reading<number> = { known: false, reason: 'the hardware is not in this machine now' };

/** What makes hardware the same: everything in the record that does not depend on when and where it was registered. */
const identityOf = (resource: string, unit: string, fingerprint: RegistrationRecord['fingerprint']): string =>
  Buffer.from(encodeCbor({ resource, unit, fingerprint })).toString('base64');

/** Encodes a registration record and names it. */
export const registrationOf = (record: RegistrationRecord): { id: AssetId; bytes: Uint8Array } => ({
  id: assetIdOf(record.kind, record),
  bytes: encodeCbor(record),
});

export const createAssetRegistry = (components: AssetRegistryComponents, init: AssetRegistryInit): AssetRegistry => {
  const { clock, store } = components;
  assert(init.installId.length === INSTALL_ID_BYTES, `An install id has ${INSTALL_ID_BYTES} bytes.`);
  /** In the order of registration. */
  const assets = new Map<string, Asset>();
  const records = new Map<string, Uint8Array>();
  const idByIdentity = new Map<string, string>();
  const presentByResource = new Map<string, Asset>();

  const add = (record: RegistrationRecord, asset: Asset): void => {
    assets.set(asset.id, asset);
    records.set(asset.id, encodeCbor(record));
    idByIdentity.set(identityOf(record.resource, record.unit, record.fingerprint), asset.id);
  };

  return {
    load: async () => {
      const rows = await store.all<AssetRow>(
        'assets.load',
        'SELECT id, kind, resource, label, unit, record, registered_at_ms FROM assets ORDER BY registered_at_ms, id LIMIT ?',
        [ASSETS_MAX],
      );
      for (const row of rows) {
        const record = readRecord(row);
        add(record, {
          id: row.id,
          kind: record.kind,
          resource: record.resource,
          label: row.label,
          unit: record.unit,
          capacity: GONE,
          registeredAtMs: record.registeredAtMs,
          present: false,
        });
      }
    },
    update: async (detected) => {
      const nowMs = clock.nowMs();
      const statements: Statement[] = [];
      const found: { asset: Asset; record: RegistrationRecord | null }[] = [];
      const seen = new Set<string>();
      for (const { resource, label, unit, capacity, fingerprint } of detected) {
        assert(!seen.has(resource), `Two assets for ${resource} were detected.`);
        seen.add(resource);
        const known = assets.get(idByIdentity.get(identityOf(resource, unit, fingerprint)) ?? '');
        if (known !== undefined) {
          statements.push({
            sql: 'UPDATE assets SET label = ?, last_seen_at_ms = ? WHERE id = ?',
            params: [label, nowMs, known.id],
            changes: 1,
          });
          found.push({ asset: { ...known, label, capacity, present: true }, record: null });
          continue;
        }
        const kind = kindOf(resource);
        const record: RegistrationRecord = {
          version: REGISTRATION_VERSION,
          kind,
          resource,
          unit,
          fingerprint,
          installId: init.installId,
          registeredAtMs: nowMs,
        };
        const { id, bytes } = registrationOf(record);
        statements.push({
          sql: 'INSERT INTO assets (id, kind, resource, label, unit, record, registered_at_ms, last_seen_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
          params: [id, kind, resource, label, unit, bytes, nowMs, nowMs],
        });
        found.push({
          asset: { id, kind, resource, label, unit, capacity, registeredAtMs: nowMs, present: true },
          record,
        });
      }
      if (statements.length > 0) await store.transaction('assets.update', statements);

      presentByResource.clear();
      for (const [id, asset] of assets) assets.set(id, { ...asset, capacity: GONE, present: false });
      for (const { asset, record } of found) {
        if (record === null) assets.set(asset.id, asset);
        else add(record, asset);
        presentByResource.set(asset.resource, asset);
      }
    },
    list: () => Array.from(assets.values()).sort((a, b) => Number(b.present) - Number(a.present)),
    get: (id) => assets.get(id),
    record: (id) => records.get(id),
    presentFor: (resource) => presentByResource.get(resource),
    resources: () => Array.from(new Set(Array.from(assets.values(), (asset) => asset.resource))),
  };
};

/** Believes a row only if its record is the one that its id names, and says what its columns say. */
const readRecord = (row: AssetRow): RegistrationRecord => {
  const corrupt = (problem: string): RegistryError =>
    new RegistryError(
      { code: 'ASSET_RECORD_CORRUPT', assetId: row.id, problem },
      `The registration of ${row.id} in the database is damaged (${problem}); restore hypermesh.db from a backup, or start with another data folder.`,
    );
  let record: unknown;
  try {
    record = decodeCbor(row.record);
  } catch (error) {
    throw corrupt(messageOf(error));
  }
  if (parseAssetId(row.id) === null) throw corrupt('the id is not an asset id');
  if (typeof record !== 'object' || record === null) throw corrupt('the record is not a map');
  const { version, kind, resource, unit, fingerprint, registeredAtMs } = record as Partial<Record<string, unknown>>;
  if (version !== REGISTRATION_VERSION) throw corrupt(`version ${String(version)} is not known`);
  if (kind !== row.kind || resource !== row.resource || unit !== row.unit || registeredAtMs !== row.registered_at_ms)
    throw corrupt('the record and its columns differ');
  if (typeof fingerprint !== 'object' || fingerprint === null) throw corrupt('it has no fingerprint');
  if (assetIdOf(row.kind, record) !== row.id) throw corrupt('the id names another record');
  return record as RegistrationRecord;
};
