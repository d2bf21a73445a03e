import { expect, it } from 'vitest';
import type { Address } from '../../../../main/transport/stoq/interface.ts';
import { inviteAddresses } from '../../../../main/transport/stoq/invite-addresses.ts';

const quic6 = '/ip6/2001:db8::1/udp/4001/quic-v1' as Address;
const other6 = '/ip6/2001:db8::2/udp/4001/quic-v1' as Address;
const tls6 = '/ip6/2001:db8::1/tcp/4001/tls' as Address;
const quic4 = '/ip4/192.0.2.1/udp/4001/quic-v1' as Address;
const tls4 = '/ip4/192.0.2.1/tcp/4001/tls' as Address;
const link = '/ip6zone/eth0/ip6/fe80::1/udp/4001/quic-v1' as Address;
const relayed = `${quic4}/p2p/12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA/p2p-circuit` as Address;

it('holds one of each family and carrier before a second of any', () => {
  expect(inviteAddresses([quic6, other6, link, tls6, quic4, tls4], 4)).toEqual([quic6, tls6, quic4, tls4]);
  expect(inviteAddresses([quic6, other6, tls6], 4)).toEqual([quic6, tls6, other6]);
  expect(inviteAddresses([relayed, quic6, other6], 2)).toEqual([relayed, quic6]);
});
it('holds addresses of one link only where there is nothing else', () => {
  expect(inviteAddresses([link], 4)).toEqual([link]);
  expect(inviteAddresses([link, quic4], 4)).toEqual([quic4]);
  expect(inviteAddresses([], 4)).toEqual([]);
});
