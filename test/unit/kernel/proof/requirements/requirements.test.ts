import { describe, expect, it } from 'vitest';
import { decodeCbor, encodeCbor } from '../../../../../main/base/codec.ts';
import {
  DEFAULT_REQUIREMENTS,
  PROOF_KINDS,
  ProofFormatError,
  decodeRequirements,
  encodeRequirements,
  requirementsFor,
} from '../../../../../main/kernel/proof/index.ts';

describe('requirements', () => {
  it('ask for all four where an allocation is Verified, whatever it names', () => {
    for (const named of [[], ['work'], ['time', 'space'], [...PROOF_KINDS]] as const) {
      const found = requirementsFor('Verified', named, { maxAgeMs: 60_000 });
      expect(found.kinds).toEqual(['space', 'stake', 'work', 'time']);
      expect(found.maxAgeMs).toBe(60_000);
    }
    expect(requirementsFor('Verified', []).maxAgeMs).toBe(24 * 3_600_000);
  });

  it('ask for what is named otherwise, in one order and once', () => {
    for (const type of ['Private', 'Public', 'Anonymous'] as const) {
      expect(requirementsFor(type, ['time', 'space', 'time']).kinds).toEqual(['space', 'time']);
      expect(requirementsFor(type, [])).toMatchObject({ kinds: [], maxAgeMs: null });
    }
  });

  it('take what one lease sets for itself', () => {
    const found = requirementsFor('Public', ['space'], {
      space: { bytesMin: 10 ** 12 },
      stake: { stakeMicroMin: 5_000_000n },
      time: { segments: 'whole' },
    });
    expect(found.space).toEqual({ ...DEFAULT_REQUIREMENTS.space, bytesMin: 10 ** 12 });
    expect(found.stake.stakeMicroMin).toBe(5_000_000n);
    expect(found.time.segments).toBe('whole');
    expect(found.work).toEqual(DEFAULT_REQUIREMENTS.work);
  });

  it('come back as they were', () => {
    for (const requirements of [
      DEFAULT_REQUIREMENTS,
      requirementsFor('Verified', []),
      requirementsFor('Public', [], { time: { segments: 'whole' }, stake: { stakeMicroMin: 10n ** 29n } }),
    ]) {
      const encoded = encodeRequirements(requirements);
      expect(decodeRequirements(encoded)).toEqual(requirements);
      expect(encodeRequirements(decodeRequirements(encoded))).toEqual(encoded);
    }
  });

  it('are refused where anything is not as it must be', () => {
    const fields = decodeCbor(encodeRequirements(DEFAULT_REQUIREMENTS)) as Record<string, object>;
    for (const change of [
      { v: 2 },
      { kinds: ['time', 'space'] },
      { kinds: ['space', 'space'] },
      { kinds: ['speed'] },
      { maxAgeMs: -1 },
      { maxAgeMs: 1.5 },
      { stake: { ...fields['stake'], stakeMicroMin: '01' } },
      { stake: { ...fields['stake'], stakeMicroMin: '-1' } },
      { stake: { ...fields['stake'], certificate: 'good' } },
      { time: { ...fields['time'], segments: 'some' } },
      { space: { ...fields['space'], more: 1 } },
      { extra: null },
    ])
      expect(() => decodeRequirements(encodeCbor({ ...fields, ...change }))).toThrow(ProofFormatError);
    expect(() => decodeRequirements(new Uint8Array(2000))).toThrow(
      expect.objectContaining({ code: 'PROOF_TOO_LARGE' }),
    );
  });
});
