import type { Call, CallError, IdentityView, Reply, RequestInputOf, ResponseOf } from '../../preload/contract/index.ts';

const DAY_MS = 86_400_000;

/** Words that a fake node offers: a real phrase of all-zero entropy, known to everybody and worth nothing. */
export const FAKE_WORDS: readonly string[] = [...Array.from({ length: 23 }, () => 'abandon'), 'art'];
export const FAKE_PASSPHRASE = 'correct horse battery';

export const noIdentity = (): IdentityView => ({
  status: 'none',
  lockedReason: null,
  identity: null,
  sealedBy: null,
  keyStore: { available: false, reason: 'This program runs without a window, so it cannot reach one.' },
  lastDrill: null,
  drillDueAtMs: null,
  drillDue: false,
  lastBackupAtMs: null,
});

export const sampleIdentity = (change: Partial<IdentityView> = {}): IdentityView => ({
  ...noIdentity(),
  status: 'unlocked',
  identity: {
    keyId: 'key:bmfzws43bmvqw4ylom5xw4zlpoj2gk3tfnz2hgzlnmvzgk43unfxg',
    peerId: '12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo',
    accountKeyId: 'key:bnzxxi43bmvqw4ylom5xw4zlpoj2gk3tfnz2hgzlnmvzgk43unfxg',
    createdAtMs: Date.UTC(2026, 0, 5, 9),
    keys: [
      { name: 'Node, Ed25519', algorithm: 'Ed25519', publicBytes: 32, fingerprint: '9f86d081884c7d65' },
      { name: 'Node, FALCON-1024', algorithm: 'FALCON-1024', publicBytes: 1793, fingerprint: '60303ae22b998861' },
      { name: 'Node, ML-KEM-1024', algorithm: 'ML-KEM-1024', publicBytes: 1568, fingerprint: 'fd61a03af4f77d87' },
    ],
  },
  sealedBy: 'passphrase',
  drillDueAtMs: Date.now() + 90 * DAY_MS,
  ...change,
});

const refused = (code: string, message: string): { ok: false; error: CallError } => ({
  ok: false,
  error: { name: 'IdentityError', code, message },
});

type IdentityCall = Extract<Call, `identity:${string}`>;
type IdentityHandlers = { [C in IdentityCall]: (request: RequestInputOf<C>) => Reply<ResponseOf<C>> };

/** What a fake node answers on its identity, with the real order of things: nothing is kept before the words are told. */
export const fakeIdentityHandlers = (
  read: () => IdentityView,
  write: (view: IdentityView) => void,
): IdentityHandlers => {
  const keep = (change: Partial<IdentityView>): Reply<IdentityView> => {
    const view = { ...read(), ...change };
    write(view);
    return { ok: true, value: view };
  };
  const sealedBy = (kind: 'passphrase' | 'keyStore') => ({
    sealedBy: kind,
    status: 'unlocked' as const,
    lockedReason: null,
  });
  const ask = [3, 9, 17, 24];
  return {
    'identity:get': () => ({ ok: true, value: read() }),
    'identity:begin': () => ({
      ok: true,
      value: { draftId: 'draft-1', words: [...FAKE_WORDS], ask, expiresAtMs: Date.now() + 15 * 60_000 },
    }),
    'identity:confirm': ({ words, sealing }) =>
      words.every((word, index) => word === FAKE_WORDS[(ask[index] ?? 0) - 1])
        ? keep({ ...sampleIdentity(), ...sealedBy(sealing.kind) })
        : refused(
            'WORDS_WRONG',
            'Word 24 is not the one that was shown; look at your paper, or go back and read it again.',
          ),
    'identity:restore': ({ source, sealing }) =>
      source.kind === 'phrase' && source.phrase.trim().split(/\s+/).join(' ') !== FAKE_WORDS.join(' ')
        ? refused('PHRASE_CHECKSUM', 'These words do not belong together: one of them is another word of the list.')
        : keep({ ...sampleIdentity(), ...sealedBy(sealing.kind) }),
    'identity:unlock': ({ passphrase }) =>
      passphrase === FAKE_PASSPHRASE
        ? keep({ status: 'unlocked', lockedReason: null })
        : refused('PASSPHRASE_WRONG', 'That is not the passphrase of these keys; try again.'),
    'identity:lock': () => keep({ status: 'locked', lockedReason: 'You locked it; unlock it to prove and sign.' }),
    'identity:seal': ({ sealing }) => keep(sealedBy(sealing.kind)),
    'identity:backup': () => {
      keep({ lastBackupAtMs: Date.now() });
      return { ok: true, value: { fileName: 'hypermesh-identity.hmbackup', backup: 'AAEC' } };
    },
    'identity:drill': ({ source }) => {
      const passed = source.kind === 'backup' || source.phrase.trim().split(/\s+/).join(' ') === FAKE_WORDS.join(' ');
      const result = {
        atMs: Date.now(),
        passed,
        from: source.kind,
        keys: (read().identity?.keys ?? []).map(({ name }) => ({ name, same: passed })),
      };
      keep({ lastDrill: result, drillDue: !passed });
      return { ok: true, value: result };
    },
  };
};
