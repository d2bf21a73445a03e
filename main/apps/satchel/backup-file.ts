import { decodeCbor, encodeCbor } from '../../base/index.ts';
import {
  DERIVATION_VERSION,
  ENTROPY_BYTES,
  KEY_ID_BYTES,
  type KeyIdBytes,
  aeadOpen,
  aeadSeal,
} from '../../base/crypto/index.ts';
import { BACKUP_FILE_BYTES_MAX, BACKUP_KIND, BACKUP_VERSION } from './constants.ts';
import {
  type FileProblem,
  type PassphraseHeader,
  bytesOf,
  decodeChecked,
  encodeChecked,
  encodePassphraseHeader,
  fieldsOf,
  intOf,
  isMap,
  notOurs,
  problemOf,
  readPassphraseHeader,
} from './sealed-file.ts';

// docs/formats/identity-backup.md

export interface BackupFile {
  /** Key id of the node that it is of: so that its owner can tell two apart. */
  node: KeyIdBytes;
  madeAtMs: number;
  sealing: PassphraseHeader;
  sealed: Uint8Array;
}

const associatedOf = ({ node, madeAtMs, sealing }: Omit<BackupFile, 'sealed'>): Uint8Array =>
  encodeCbor({ v: BACKUP_VERSION, kind: BACKUP_KIND, node, madeAtMs, sealing: encodePassphraseHeader(sealing) });

export const encodeBackupFile = (
  header: Omit<BackupFile, 'sealed'>,
  entropy: Uint8Array,
  key: Uint8Array,
): Uint8Array => {
  const { node, madeAtMs, sealing } = header;
  const plain = encodeCbor({ v: BACKUP_VERSION, derivation: DERIVATION_VERSION, entropy });
  const sealed = aeadSeal(key, sealing.nonce, plain, associatedOf(header));
  plain.fill(0);
  return encodeChecked({
    v: BACKUP_VERSION,
    kind: BACKUP_KIND,
    node,
    madeAtMs,
    sealing: encodePassphraseHeader(sealing),
    sealed,
  });
};

/** Never throws: any bytes may be given for a backup. */
export const readBackupFile = (bytes: Uint8Array): ({ ok: true } & BackupFile) | FileProblem => {
  try {
    const found = decodeChecked(
      bytes,
      BACKUP_KIND,
      BACKUP_VERSION,
      ['node', 'madeAtMs', 'sealing', 'sealed'],
      BACKUP_FILE_BYTES_MAX,
    );
    if (found.newer !== null) return { ok: false, newer: found.newer };
    const { node, madeAtMs, sealing, sealed } = found.fields;
    if (!isMap(sealing) || sealing['kind'] !== 'passphrase') return notOurs('its sealing is of no kind that there is');
    return {
      ok: true,
      node: bytesOf(node, KEY_ID_BYTES, 'the key id'),
      madeAtMs: intOf(madeAtMs, 0, Number.MAX_SAFE_INTEGER, 'its time'),
      sealing: readPassphraseHeader(sealing),
      sealed: bytesOf(sealed, { max: BACKUP_FILE_BYTES_MAX }, 'what is sealed'),
    };
  } catch (error) {
    return notOurs(problemOf(error));
  }
};

/** @returns 32 bytes of entropy @throws {SealError} `SEAL_BROKEN` @throws {Error} what is inside is none */
export const openBackupFile = (file: BackupFile, key: Uint8Array): Uint8Array => {
  const plain = aeadOpen(key, file.sealing.nonce, file.sealed, associatedOf(file));
  try {
    const fields = fieldsOf(decodeCbor(plain), ['v', 'derivation', 'entropy'], 'the inside');
    intOf(fields['v'], BACKUP_VERSION, BACKUP_VERSION, 'the inner version');
    intOf(fields['derivation'], DERIVATION_VERSION, DERIVATION_VERSION, 'the version of the derivation');
    return bytesOf(fields['entropy'], ENTROPY_BYTES, 'the entropy').slice();
  } finally {
    plain.fill(0);
  }
};
