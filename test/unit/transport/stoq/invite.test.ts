import fc from 'fast-check';
import { base32 } from 'multiformats/bases/base32';
import { describe, expect, it } from 'vitest';
import { decodeCbor, encodeCbor } from '../../../../main/base/index.ts';
import { membershipOf } from '../../../../main/transport/stoq/discovery/membership.ts';
import type { Address, PeerId } from '../../../../main/transport/stoq/interface.ts';
import { INVITE_PREFIX, type Invite, createInvite, openInvite } from '../../../../main/transport/stoq/invite.ts';
import { fromHex, readVectors } from '../../../support/vectors.ts';

interface Vector {
  what: string;
  peer: PeerId;
  addresses: Address[];
  network: { name: string; key: string } | null;
  expiresAtMs: number;
  link: string;
}
const vectors = readVectors<Vector[]>('stoq-invite', 'invites.json');
const inviteOf = ({ peer, addresses, network, expiresAtMs }: Vector): Invite => ({
  peer,
  addresses,
  membership: network === null ? null : membershipOf(network.name, fromHex(network.key)),
  expiresAtMs,
});
const [plain, withNetwork] = vectors as [Vector, Vector];
const early = { nowMs: plain.expiresAtMs - 1, self: null };
const fieldsOf = (link: string): Record<string, unknown> =>
  decodeCbor(base32.baseDecode(link.slice(INVITE_PREFIX.length))) as Record<string, unknown>;
const linkOf = (value: unknown): string => INVITE_PREFIX + base32.baseEncode(encodeCbor(value));
const codeOf = (link: string, options = early): string => {
  try {
    openInvite(link, options);
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'none';
};

describe('an invite', () => {
  it.each(vectors)('$what is the link that was published, and is read again', (vector) => {
    expect(createInvite(inviteOf(vector))).toBe(vector.link);
    expect(openInvite(vector.link, early)).toEqual(inviteOf(vector));
  });
  it('is read in capitals and with broken lines, as it is passed on', () => {
    const passedOn = ` ${withNetwork.link.toUpperCase().replaceAll(/.{60}/g, '$&\r\n  ')}\n`;
    expect(openInvite(passedOn, early)).toEqual(inviteOf(withNetwork));
  });
  it('ends, with ten minutes for clocks that differ', () => {
    const at = (nowMs: number): string => codeOf(plain.link, { nowMs, self: null });
    expect(at(plain.expiresAtMs + 600_000)).toBe('none');
    expect(at(plain.expiresAtMs + 600_001)).toBe('INVITE_EXPIRED');
  });
  it('of this node itself is refused', () => {
    expect(codeOf(plain.link, { ...early, self: plain.peer as never })).toBe('SELF');
  });
  it('carries eight addresses at most', () => {
    const many = Array.from({ length: 12 }, (_address, index) => `/ip4/192.0.2.${index}/tcp/1/tls` as Address);
    const link = createInvite({ ...inviteOf(plain), addresses: many });
    expect(openInvite(link, early).addresses).toEqual(many.slice(0, 8));
  });

  const good = fieldsOf(withNetwork.link);
  const network = good['network'] as Record<string, unknown>;
  it.each<[string, unknown]>([
    ['another version', { ...good, v: 2 }],
    ['a field more', { ...good, more: 1 }],
    ['a field less', Object.fromEntries(Object.entries(good).filter(([key]) => key !== 'peer'))],
    ['no map', [1, 2, 3]],
    ['a peer of other keys', { ...good, peer: new Uint8Array(38) }],
    ['a peer as text', { ...good, peer: plain.peer }],
    ['no address', { ...good, addresses: [] }],
    ['nine addresses', { ...good, addresses: Array.from({ length: 9 }, () => (good['addresses'] as unknown[])[0]) }],
    ['an address as text', { ...good, addresses: ['/ip4/192.0.2.1/tcp/1/tls'] }],
    ['an address of another kind', { ...good, addresses: [Uint8Array.of(0x04, 192, 0, 2, 1)] }],
    ['an address that is none', { ...good, addresses: [Uint8Array.of(0xff, 0xff)] }],
    ['an address without bytes', { ...good, addresses: [new Uint8Array(0)] }],
    ['a date before 1970', { ...good, expiresAtMs: -1 }],
    ['a date as text', { ...good, expiresAtMs: '2026' }],
    ['a fraction of a date', { ...good, expiresAtMs: 1.5 }],
    ['a short key', { ...good, network: { ...network, key: new Uint8Array(31) } }],
    ['a name of spaces', { ...good, network: { ...network, name: '   ' } }],
    ['a name in another form', { ...good, network: { ...network, name: ' home' } }],
    ['a network with more', { ...good, network: { ...network, more: 1 } }],
    ['a network as a list', { ...good, network: [] }],
  ])('with %s is refused', (_what, value) => {
    expect(codeOf(linkOf(value))).toBe('INVITE_INVALID');
  });
  it.each([
    ['nothing', ''],
    ['only the beginning', INVITE_PREFIX],
    ['another scheme', plain.link.replace('hypermesh:', 'https:')],
    ['letters that base32 lacks', `${INVITE_PREFIX}0189`],
    ['bits at its end that mean nothing', `${withNetwork.link.slice(0, -1)}b`],
    ['half of it', plain.link.slice(0, 100)],
    ['a megabyte', INVITE_PREFIX + 'a'.repeat(1_000_000)],
  ])('of %s is refused', (_what, link) => {
    expect(codeOf(link)).toBe('INVITE_INVALID');
  });
  it('that was changed anywhere is refused or another invite, and nothing else happens', () => {
    const letters = 'abcdefghijklmnopqrstuvwxyz234567';
    fc.assert(
      fc.property(fc.nat({ max: withNetwork.link.length - 1 }), fc.constantFrom(...letters), (at, letter) => {
        const link = withNetwork.link.slice(0, at) + letter + withNetwork.link.slice(at + 1);
        expect(['none', 'INVITE_INVALID', 'INVITE_EXPIRED']).toContain(codeOf(link));
      }),
      { numRuns: 2_000 },
    );
  });
  it('of any bytes is refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(codeOf(INVITE_PREFIX + base32.baseEncode(bytes))).toBe('INVITE_INVALID');
      }),
    );
  });
});
