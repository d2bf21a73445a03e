import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeBackupFile, openBackupFile, readBackupFile } from '../../../../main/apps/satchel/backup-file.ts';
import {
  type IdentityFile,
  encodeIdentityFile,
  openIdentityFile,
  readIdentityFile,
} from '../../../../main/apps/satchel/identity-file.ts';
import { encodeChecked } from '../../../../main/apps/satchel/sealed-file.ts';
import { type OpenOutput, satchelWork } from '../../../../main/apps/satchel/work.ts';
import { decodeCbor, encodeCbor } from '../../../../main/base/index.ts';
import {
  keyIdBytesOf,
  passphraseKey,
  phraseOf,
  verifySelfMadeCertificate,
  deriveKeys,
} from '../../../../main/base/crypto/index.ts';

const vector = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../vectors/identity/identity.json'), 'utf8'),
) as Record<string, string> & {
  secrets: Record<string, string>;
  issuedAtMs: number;
  backupMadeAtMs: number;
};
const bytes = (hex: string | undefined): Uint8Array => new Uint8Array(Buffer.from(hex ?? '', 'hex'));
const hex = (data: Uint8Array): string => Buffer.from(data).toString('hex');
const random = new Uint8Array(32).fill(3);

const identity = bytes(vector['identityUnderPassphrase']);
const underKeyStore = bytes(vector['identityUnderKeyStore']);
const backup = bytes(vector['backup']);
const key = bytes(vector['argon2idKey']);

const sound = <T extends { ok: boolean }>(read: T): Extract<T, { ok: true }> => {
  if (!read.ok) throw new Error('it is not sound');
  return read as Extract<T, { ok: true }>;
};
/** With another value somewhere and a check that fits: what somebody makes who knows the format. */
const forged = (file: Uint8Array, change: Record<string, unknown>): Uint8Array => {
  const { check: _check, ...fields } = decodeCbor(file) as Record<string, unknown>;
  return encodeChecked({ ...fields, ...change });
};
const sealingOf = (file: Uint8Array) => (decodeCbor(file) as { sealing: Record<string, unknown> }).sealing;
/** @param read - reads and opens with the right key @returns what became of it */
const outcome = (work: () => { ok: boolean } | undefined): 'refused' | 'accepted' => {
  try {
    return work()?.ok === false ? 'refused' : 'accepted';
  } catch (error) {
    if ((error as { code?: string }).code !== undefined) return 'refused';
    throw error;
  }
};
const readAndOpen = (file: Uint8Array): 'refused' | 'accepted' =>
  outcome(() => {
    const read = readIdentityFile(file);
    if (!read.ok) return read;
    // In the order of the program: first the certificate, then the seal.
    openIdentityFile(read, key);
    verifySelfMadeCertificate(read.certificate);
    return undefined;
  });
const readAndOpenBackup = (file: Uint8Array): 'refused' | 'accepted' =>
  outcome(() => {
    const read = readBackupFile(file);
    if (!read.ok) return read;
    openBackupFile(read, key);
    return undefined;
  });

describe('the identity file', () => {
  it('is read as the format page says', async () => {
    expect(phraseOf(bytes(vector['entropy'])).join(' ')).toBe(vector['phrase']);
    const read = sound(readIdentityFile(identity));
    if (read.sealing.kind !== 'passphrase') throw new Error('it is under a passphrase');
    expect(hex(await passphraseKey(vector['passphrase'] ?? '', read.sealing.salt, read.sealing.costs))).toBe(
      vector['argon2idKey'],
    );
    expect(hex(read.certificate)).toBe(vector['certificate']);
    const secrets = openIdentityFile(read, key);
    expect({
      entropy: hex(secrets.entropy),
      nodeEd25519: hex(secrets.node.ed25519),
      nodeFalcon1024: hex(secrets.node.falcon1024),
      nodeKem: hex(secrets.kem),
      accountEd25519: hex(secrets.account.ed25519),
      accountFalcon1024: hex(secrets.account.falcon1024),
    }).toEqual({ entropy: vector['entropy'], ...vector.secrets });
    // And written again, byte for byte.
    expect(encodeIdentityFile(read.certificate, read.sealing, secrets, key)).toEqual(identity);
    const other = sound(readIdentityFile(underKeyStore));
    const own = openIdentityFile(other, bytes(vector['keyOfKeyStore']));
    expect(own).toEqual(secrets);
    expect(encodeIdentityFile(other.certificate, other.sealing, own, bytes(vector['keyOfKeyStore']))).toEqual(
      underKeyStore,
    );
    const { node, account, peerId, issuedAtMs } = verifySelfMadeCertificate(read.certificate);
    expect({ peerId, nodeKeyId: node.keyId, accountKeyId: account.keyId, issuedAtMs }).toEqual({
      peerId: vector['peerId'],
      nodeKeyId: vector['nodeKeyId'],
      accountKeyId: vector['accountKeyId'],
      issuedAtMs: vector.issuedAtMs,
    });
    expect(keyIdBytesOf(node.keys)).toEqual(node.keyIdBytes);
  });

  it.each([
    ['under a passphrase', identity],
    ['under a key store', underKeyStore],
  ])('%s is refused with any of its bytes changed', (_how, file) => {
    const accepted: number[] = [];
    for (let at = 0; at < file.length; at++) {
      const changed = file.slice();
      changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
      if (readIdentityFile(changed).ok) accepted.push(at);
    }
    expect(accepted).toEqual([]);
  });

  it('is refused, key or no key, when somebody changed it who knows the format', () => {
    const fields = decodeCbor(identity) as { certificate: Uint8Array; sealed: Uint8Array };
    const flipped = (data: Uint8Array, at: number): Uint8Array => {
      const changed = data.slice();
      changed[at] = (changed[at] ?? 0) ^ 1;
      return changed;
    };
    fc.assert(
      fc.property(fc.nat({ max: fields.sealed.length - 1 }), fc.nat({ max: fields.certificate.length - 1 }), (s, c) => {
        expect(readAndOpen(forged(identity, { sealed: flipped(fields.sealed, s) }))).toBe('refused');
        expect(readAndOpen(forged(identity, { certificate: flipped(fields.certificate, c) }))).toBe('refused');
      }),
      { numRuns: 300 },
    );
    const sealing = sealingOf(identity);
    for (const change of [
      { salt: flipped(sealing['salt'] as Uint8Array, 0) },
      { nonce: flipped(sealing['nonce'] as Uint8Array, 11) },
      { passes: 4 },
      { lanes: 1 },
      { memoryKiB: 8 * 1024 },
    ])
      expect(readAndOpen(forged(identity, { sealing: { ...sealing, ...change } }))).toBe('refused');
    // The same without a change is accepted: what is refused above is refused for its reason.
    expect(readAndOpen(forged(identity, {}))).toBe('accepted');
  });

  it('asks for no more than its bounds', () => {
    const sealing = sealingOf(identity);
    for (const change of [
      { memoryKiB: 2 ** 40 },
      { memoryKiB: 256 * 1024 + 1 },
      { memoryKiB: 1024 },
      { memoryKiB: 65536.5 },
      { memoryKiB: -1 },
      { passes: 0 },
      { passes: 11 },
      { lanes: 0 },
      { lanes: 17 },
      { salt: new Uint8Array(15) },
      { nonce: new Uint8Array(13) },
      { more: 1 },
      { kind: 'none' },
      { kind: 'keyStore' },
    ])
      expect(
        readIdentityFile(forged(identity, { sealing: { ...sealing, ...change } })),
        JSON.stringify(change),
      ).toEqual({ ok: false, newer: null, problem: expect.any(String) as string });
    const store = sealingOf(underKeyStore);
    for (const change of [{ name: '' }, { name: 'x'.repeat(65) }, { name: 'a\nb' }, { wrapped: new Uint8Array(0) }])
      expect(readIdentityFile(forged(underKeyStore, { sealing: { ...store, ...change } })).ok).toBe(false);
  });

  it('is told apart from damage when it is of a newer version', () => {
    expect(readIdentityFile(forged(identity, { v: 2, whatever: true }))).toEqual({ ok: false, newer: 2 });
    expect(readIdentityFile(forged(identity, { v: 0 }))).toMatchObject({ newer: null });
    expect(readIdentityFile(forged(identity, { v: 1.5 }))).toMatchObject({ newer: null });
    expect(readIdentityFile(forged(identity, { v: 'two' }))).toMatchObject({ newer: null });
    expect(readBackupFile(forged(backup, { v: 7 }))).toEqual({ ok: false, newer: 7 });
    // One is not the other.
    expect(readIdentityFile(backup)).toMatchObject({ ok: false, newer: null });
    expect(readBackupFile(identity)).toMatchObject({ ok: false, newer: null });
  });

  it('may be any bytes at all', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (data) => {
        expect(readIdentityFile(data).ok || readBackupFile(data).ok).toBe(false);
      }),
    );
    fc.assert(
      fc.property(fc.nat({ max: identity.length - 1 }), (length) => {
        expect(readIdentityFile(identity.subarray(0, length)).ok).toBe(false);
        const longer = new Uint8Array(identity.length + 1 + (length % 9));
        longer.set(identity);
        expect(readIdentityFile(longer).ok).toBe(false);
      }),
    );
    expect(readIdentityFile(new Uint8Array(1024 * 1024)).ok).toBe(false);
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (fields) => {
        const withKind = encodeCbor({ ...fields, v: 1, kind: 'hypermesh-identity' });
        expect(readIdentityFile(withKind).ok).toBe(false);
      }),
    );
  });
});

describe('opening in a worker', () => {
  const open = (file: Uint8Array, passphrase = vector['passphrase'] ?? ''): Promise<OpenOutput> =>
    satchelWork.open({ file, openWith: { passphrase }, random });

  it('tells wrong passphrase, damage and a newer version apart', async () => {
    expect(await open(identity)).toMatchObject({ ok: true, part: { sealedBy: 'passphrase' } });
    // NFKC: the same text from a keyboard that composes its letters otherwise.
    expect((await open(identity, (vector['passphrase'] ?? '').normalize('NFD'))).ok).toBe(true);
    expect(await open(identity, 'another')).toEqual({ ok: false, code: 'wrongKey' });
    expect(await open(identity.subarray(0, 9000))).toMatchObject({ ok: false, code: 'damaged' });
    expect(await open(forged(identity, { v: 2 }))).toEqual({ ok: false, code: 'newer', newer: 2 });
    expect(await open(underKeyStore)).toMatchObject({ ok: false, code: 'damaged' });
  });

  it('refuses keys that do not belong to the certificate, though the seal holds', async () => {
    const read: IdentityFile = sound(readIdentityFile(identity));
    const secrets = openIdentityFile(read, key);
    const other = deriveKeys(new Uint8Array(32).fill(8));
    const swaps = {
      entropy: { ...secrets, entropy: new Uint8Array(32).fill(8) },
      'node ed25519': { ...secrets, node: { ...secrets.node, ed25519: other.node.secret.ed25519 } },
      'node falcon': { ...secrets, node: { ...secrets.node, falcon1024: other.node.secret.falcon1024 } },
      'node for account': { ...secrets, node: secrets.account, account: secrets.node },
      'account falcon': { ...secrets, account: { ...secrets.account, falcon1024: other.account.secret.falcon1024 } },
      kem: { ...secrets, kem: other.kem.secret },
    };
    for (const [what, swapped] of Object.entries(swaps))
      expect(await open(encodeIdentityFile(read.certificate, read.sealing, swapped, key)), what).toMatchObject({
        ok: false,
        code: 'damaged',
      });
  });
});

describe('the backup file', () => {
  it('is read as the format page says, and written again byte for byte', () => {
    const read = sound(readBackupFile(backup));
    expect(read.madeAtMs).toBe(vector.backupMadeAtMs);
    expect(hex(openBackupFile(read, key))).toBe(vector['entropy']);
    const { ok: _ok, sealed: _sealed, ...header } = read;
    expect(encodeBackupFile(header, bytes(vector['entropy']), key)).toEqual(backup);
  });

  it('is refused with any of its bits changed', () => {
    for (let at = 0; at < backup.length * 8; at++) {
      const changed = backup.slice();
      changed[at >> 3] = (changed[at >> 3] ?? 0) ^ (1 << (at % 8));
      expect(readAndOpenBackup(changed), `bit ${at}`).toBe('refused');
      // With a check that fits, it is the seal that refuses.
    }
    const fields = decodeCbor(backup) as { sealed: Uint8Array; node: Uint8Array; madeAtMs: number };
    for (let at = 0; at < fields.sealed.length; at++) {
      const sealed = fields.sealed.slice();
      sealed[at] = (sealed[at] ?? 0) ^ 0x80;
      expect(readAndOpenBackup(forged(backup, { sealed }))).toBe('refused');
    }
    for (const change of [
      { node: new Uint8Array(32) },
      { madeAtMs: fields.madeAtMs + 1 },
      { madeAtMs: -1 },
      { sealing: { ...sealingOf(backup), memoryKiB: 2 ** 30 } },
      { sealing: sealingOf(underKeyStore) },
    ])
      expect(readAndOpenBackup(forged(backup, change))).toBe('refused');
    expect(readAndOpenBackup(forged(backup, {}))).toBe('accepted');
  });
});
