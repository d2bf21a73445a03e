import { beforeEach, describe, expect, it } from 'vitest';
import { keyIdText } from '../../../../main/base/crypto/index.ts';
import {
  type AdmissionComponents,
  type Admitted,
  type Candidate,
  createAdmission,
  createHomeAccess,
} from '../../../../main/kernel/leases/admission.ts';
import { ADMISSION_STEPS, FREE_TERMS } from '../../../../main/kernel/leases/interface.ts';
import type { Party } from '../../../../main/kernel/leases/link.ts';
import { createPrivacy, NOTHING_HERE, NOTHING_HERE_CODE } from '../../../../main/kernel/leases/privacy.ts';
import type { KnownPeer, PeerId } from '../../../../main/transport/stoq/index.ts';
import type { LendingTerms, ProofVerdict } from '../../../../preload/contract/index.ts';
import { createManualClock } from '../../../support/manual-clock.ts';

const KEY = new Uint8Array(32).fill(7);
const PEER = `12D3KooW${'x'.repeat(44)}` as PeerId;
const FRIEND: Party = { kind: 'peer', peerId: PEER, keyId: keyIdText(KEY), networks: new Set() };
const OPEN: LendingTerms = {
  privacyLevel: 'P2P',
  privacyNames: [],
  allocationType: 'Public',
  leasesMax: 4,
  leaseMinutesMax: 60,
  requiredProofs: [],
  proxy: { relaysAllowed: false, exitAllowed: false },
  price: { mode: 'fixed', microPerHour: '10' },
};
const clock = createManualClock();
const verdict = (change: Partial<ProofVerdict> = {}): ProofVerdict => ({
  passed: true,
  combined: '0'.repeat(64),
  checks: (['space', 'stake', 'work', 'time'] as const).map((kind) => ({
    kind,
    passed: true,
    code: null,
    reason: 'shown',
    sizeBytes: 1,
  })),
  asset: 'asset:cpu:b',
  node: keyIdText(KEY),
  purpose: 'lease',
  issuedAtMs: clock.nowMs(),
  finishedAtMs: clock.nowMs(),
  expiresAtMs: clock.nowMs() + 60_000,
  notes: [],
  ...change,
});

/** The machine, as a test sets it; everything lets the candidate in at first. */
let machine: {
  terms: LendingTerms;
  percent: number;
  free: number;
  leases: number;
  amountMax: number | null | undefined;
  trusted: boolean;
  banned: boolean;
};
const LEDGER = new Uint8Array(32).fill(7);
beforeEach(() => {
  machine = { terms: OPEN, percent: 50, free: 1000, leases: 0, amountMax: null, trusted: true, banned: false };
});
const admission = createAdmission({
  assets: {
    share: () => ({ resources: [{ resource: 'memory', terms: machine.terms }] }),
    levels: () => [{ resource: 'memory', percent: machine.percent, reason: 'Paused by you, who are on holiday' }],
    allocations: { free: () => machine.free },
  } as unknown as AdmissionComponents['assets'],
  privacy: createPrivacy({
    book: { get: () => ({ trusted: machine.trusted, name: 'attic' }) as KnownPeer },
    addressBook: { isIn: () => false },
    networks: () => [],
  }),
  access: createHomeAccess({ book: { isBanned: () => machine.banned } }),
  terms: {
    ...FREE_TERMS,
    ledger: () => ({ id: LEDGER, name: 'meadow' }),
    priceOf: (_resource, price) => (price.mode === 'fixed' ? BigInt(price.microPerHour) : 0n),
  },
  clock,
  leasesOf: () => machine.leases,
  amountMax: () => machine.amountMax,
});
const candidate = (change: Partial<Candidate> = {}): Candidate => ({
  link: { party: FRIEND, route: 'direct' },
  resource: 'memory',
  borrower: KEY,
  amount: 1000,
  durationMs: 3_600_000,
  priceMicroMax: 10n,
  ledger: LEDGER,
  proofs: null,
  ...change,
});
/** Step and code of a refusal, or what came instead. */
const outcome = async (change: Partial<Candidate> = {}): Promise<string> => {
  const found: Admitted = await admission.check(candidate(change));
  return found.kind === 'refused' ? `${found.refusal.step} ${found.refusal.code}` : found.kind;
};

/** Each step: what makes it fail, and the code of it. */
const FAILURES: { step: (typeof ADMISSION_STEPS)[number]; code: string; fail: () => void }[] = [
  { step: 'access', code: 'ACCESS_REFUSED', fail: () => (machine.banned = true) },
  {
    step: 'privacy',
    code: 'PRIVACY_REFUSED',
    // Over a relay, which the owner allows none of.
    fail: () => (link = { party: FRIEND, route: 'relay' }),
  },
  {
    step: 'type',
    code: 'TYPE_REFUSED',
    fail: () => {
      machine.terms = { ...machine.terms, privacyLevel: 'FullPublic', allocationType: 'Verified' };
      link = { party: { kind: 'anonymous' }, route: 'anonymous' };
    },
  },
  {
    step: 'proofs',
    code: 'PROOFS_FAILED',
    fail: () => {
      machine.terms = { ...machine.terms, requiredProofs: ['work'] };
      proofs = verdict({
        checks: verdict().checks.map((check) => (check.kind === 'work' ? { ...check, passed: false } : check)),
      });
    },
  },
  { step: 'level', code: 'NOT_LENDING', fail: () => (machine.percent = 0) },
  { step: 'capacity', code: 'CAPACITY_EXCEEDED', fail: () => (machine.free = 999) },
  { step: 'count', code: 'TOO_MANY_LEASES', fail: () => (machine.leases = 4) },
  { step: 'length', code: 'TOO_LONG', fail: () => (machine.terms = { ...machine.terms, leaseMinutesMax: 59 }) },
  {
    step: 'price',
    code: 'PRICE_TOO_LOW',
    fail: () => (machine.terms = { ...machine.terms, price: { mode: 'fixed', microPerHour: '11' } }),
  },
];
let link: Candidate['link'];
let proofs: ProofVerdict | null;
beforeEach(() => {
  link = { party: FRIEND, route: 'direct' };
  proofs = null;
});

describe('admission', () => {
  it('lets in whom nothing speaks against, with the terms and the price of now', async () => {
    expect(await admission.check(candidate())).toEqual({ kind: 'admitted', terms: OPEN, priceMicro: 10n });
  });

  it.each(FAILURES)('refuses for $step with $code', async ({ step, code, fail }) => {
    fail();
    expect(await outcome({ link, proofs })).toBe(`${step} ${code}`);
  });

  it('names the first step that fails, in the order that is promised', async () => {
    expect(FAILURES.map(({ step }) => step)).toEqual([...ADMISSION_STEPS]);
    // From the last to the first: each that fails as well takes the place of those behind it.
    for (const { step, code, fail } of FAILURES.filter((one) => one.step !== 'type').toReversed()) {
      fail();
      expect(await outcome({ link, proofs })).toBe(`${step} ${code}`);
    }
  });

  it('names the type before proofs and all that follows', async () => {
    for (const { fail } of FAILURES.slice(2).toReversed()) fail();
    expect(await outcome({ link, proofs })).toBe('type TYPE_REFUSED');
  });

  it('tells who may not know of it the same as where there is nothing', async () => {
    machine.amountMax = undefined;
    const nothing = await admission.check(candidate());
    expect(nothing).toMatchObject({ refusal: { code: NOTHING_HERE_CODE, sentence: NOTHING_HERE } });
    machine.amountMax = null;
    machine.trusted = false;
    const hidden = await admission.check(candidate());
    expect(hidden).toEqual(nothing);
    machine.banned = true;
    expect(await admission.check(candidate())).toMatchObject({
      refusal: { code: NOTHING_HERE_CODE, sentence: NOTHING_HERE },
    });
    expect(await admission.check(candidate({ resource: 'gpu:none' }))).toMatchObject({
      refusal: { code: NOTHING_HERE_CODE, sentence: NOTHING_HERE },
    });
  });

  it('tells the borrower what it can do, and nothing of the owner', async () => {
    machine.percent = 0;
    const paused = await admission.check(candidate());
    expect(
      JSON.stringify(paused, (_key, value: unknown) => (typeof value === 'bigint' ? value.toString() : value)),
    ).not.toContain('holiday');
    machine.percent = 50;
    machine.free = 0;
    expect(await admission.check(candidate())).toMatchObject({
      refusal: { sentence: 'All of it is lent at the moment; ask again later.' },
    });
    machine.free = 10;
    expect(await admission.check(candidate())).toMatchObject({
      refusal: { sentence: expect.stringContaining('Only 10 of it is free') },
    });
  });

  it('holds to what the provider has, whatever is free by the book', async () => {
    machine.amountMax = 999;
    expect(await outcome()).toBe('capacity CAPACITY_EXCEEDED');
    expect(await outcome({ amount: 999 })).toBe('admitted');
    for (const amount of [0, -1, 1.5, 2 ** 63, Number.NaN])
      expect(await outcome({ amount })).toBe('capacity CAPACITY_EXCEEDED');
  });

  it('keeps to the bounds themselves', async () => {
    machine.leases = 3;
    expect(await outcome({ amount: machine.free, durationMs: 3_600_000, priceMicroMax: 10n })).toBe('admitted');
    expect(await outcome({ durationMs: 3_600_001 })).toBe('length TOO_LONG');
    expect(await outcome({ durationMs: 0 })).toBe('length TOO_LONG');
    expect(await outcome({ priceMicroMax: 9n })).toBe('price PRICE_TOO_LOW');
  });

  it('is paid on its own ledger only, and asks for none where it costs nothing', async () => {
    for (const ledger of [null, new Uint8Array(32)]) {
      expect(await admission.check(candidate({ ledger }))).toMatchObject({
        refusal: { step: 'price', code: 'OTHER_LEDGER', sentence: expect.stringContaining('the network meadow') },
      });
    }
    machine.terms = { ...OPEN, price: { mode: 'market' } };
    for (const ledger of [null, new Uint8Array(32)])
      expect(await outcome({ ledger, priceMicroMax: 0n })).toBe('admitted');
  });
});

describe('proofs', () => {
  it('are asked for before anything is told of what is free, all four by the type Verified', async () => {
    machine.terms = { ...OPEN, requiredProofs: ['time', 'space'] };
    machine.free = 0;
    expect(await admission.check(candidate())).toEqual({ kind: 'prove', proofs: ['space', 'time'], maxAgeMs: 600_000 });
    machine.terms = { ...OPEN, allocationType: 'Verified' };
    expect(await admission.check(candidate())).toMatchObject({ proofs: ['space', 'stake', 'work', 'time'] });
    machine.free = 1000;
    expect(await outcome({ proofs: verdict() })).toBe('admitted');
  });

  it('must be the borrower’s own, for a lease, of now, and hold as far as they are asked for', async () => {
    machine.terms = { ...OPEN, requiredProofs: ['space'] };
    const failed = verdict().checks.map((check) => ({ ...check, passed: check.kind === 'space' }));
    expect(await outcome({ proofs: verdict({ checks: failed, passed: false }) })).toBe('admitted');
    expect(await outcome({ proofs: verdict({ node: keyIdText(new Uint8Array(32)) }) })).toBe(
      'proofs PROOFS_OF_ANOTHER',
    );
    expect(await outcome({ proofs: verdict({ purpose: 'block' }) })).toBe('proofs PROOFS_FOR_ANOTHER_PURPOSE');
    for (const hours of [-4, 4])
      expect(await outcome({ proofs: verdict({ finishedAtMs: clock.nowMs() + hours * 3_600_000 }) })).toBe(
        'proofs PROOFS_STALE',
      );
    expect(await outcome({ proofs: verdict({ checks: [] }) })).toBe('proofs PROOFS_FAILED');
  });

  it('are shown by nobody on an anonymous route', async () => {
    machine.terms = { ...OPEN, privacyLevel: 'FullPublic', requiredProofs: ['space'] };
    expect(await outcome({ link: { party: { kind: 'anonymous' }, route: 'anonymous' } })).toBe('type TYPE_REFUSED');
    machine.terms = { ...machine.terms, requiredProofs: [] };
    // A payment tells who pays, so what costs something is not for those who are not to be known.
    expect(await outcome({ link: { party: { kind: 'anonymous' }, route: 'anonymous' } })).toBe('price ANONYMOUS_COSTS');
    machine.terms = { ...machine.terms, price: { mode: 'market' } };
    expect(await outcome({ link: { party: { kind: 'anonymous' }, route: 'anonymous' } })).toBe('admitted');
  });
});
