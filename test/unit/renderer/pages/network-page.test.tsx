import { act, fireEvent, screen, waitFor, within } from '@testing-library/react';
import { beforeEach, describe, expect, it } from 'vitest';
import { networkCalls, type PeerView, type PrivateNetworkView } from '../../../../preload/contract/index.ts';
import { NetworkPage } from '../../../../renderer/pages/network/network-page.tsx';
import { qrPath } from '../../../../renderer/components/qr-code.tsx';
import {
  addressText,
  inOrder,
  peerTitle,
  roundTripText,
  shortPeer,
  standingOf,
} from '../../../../renderer/pages/network/network-text.ts';
import { FAKE_PEER_IDS, samplePeer } from '../../../support/fake-network.ts';
import { show } from '../show.tsx';
import { violations } from '../violations.ts';

const [attic, studio, slow] = FAKE_PEER_IDS;
/** As in the shell: a page is inside of the main landmark. */
const page = (part: string | null = null) => (
  <main>
    <NetworkPage part={part} />
  </main>
);
const press = (element: HTMLElement) => act(async () => fireEvent.click(element));
const type = (label: string, value: string) =>
  act(async () => fireEvent.change(screen.getByLabelText(label), { target: { value } }));
const graph = () => within(screen.getByRole('group', { name: 'Peers around this node' }));
const table = () => within(screen.getByRole('region', { name: 'Peers' }));

beforeEach(() => {
  window.location.hash = '#/network';
});

describe('NetworkPage', () => {
  it('shows how the node is reached, who is connected and what goes over the line', async () => {
    await show(page());
    expect(screen.getByRole('heading', { name: 'Others can reach this node directly' })).toBeTruthy();
    expect(graph().getAllByRole('link')).toHaveLength(2);
    expect(graph().getByRole('link', { name: /attic, trusted, QUIC, round trip 11 ms, 168 kB\/s now/ })).toBeTruthy();
    expect(table().getByRole('row', { name: /studio.*Relay by attic.*65 ms/ })).toBeTruthy();
    expect(screen.getByText('Network at 50 %, your limit.')).toBeTruthy();
    expect(screen.getByText(/of 46.6 GiB, 6.4 %/)).toBeTruthy();
    expect(await violations()).toEqual([]);
  });

  it('goes around the peers of the drawing with the arrow keys, one Tab stop in all', async () => {
    await show(page());
    const links = graph().getAllByRole('link');
    expect(links.filter((link) => link.tabIndex === 0)).toHaveLength(1);
    links[0]?.focus();
    await act(async () => {
      fireEvent.keyDown(document.activeElement ?? document.body, { key: 'ArrowRight' });
    });
    expect(document.activeElement).toBe(links[1]);
    await act(async () => {
      fireEvent.keyDown(document.activeElement ?? document.body, { key: 'ArrowRight' });
    });
    expect(document.activeElement).toBe(links[0]);
  });

  it('finds known and banned peers by name or by the end of their id', async () => {
    await show(page());
    await press(screen.getByLabelText('Known 4'));
    expect(table().getAllByRole('row')).toHaveLength(5);
    await type('Search peers', 'STUD');
    expect(table().getAllByRole('row')).toHaveLength(2);
    await type('Search peers', slow.slice(-8));
    expect(table().getByRole('row', { name: /fair, 34 of 100/ })).toBeTruthy();
    await type('Search peers', '');
    await press(screen.getByLabelText('Banned 1'));
    expect(table().getByRole('row', { name: /banned/ })).toBeTruthy();
  });

  it('follows peers that come and go', async () => {
    const { fake } = await show(page());
    const { network } = fake.state;
    const others: PeerView[] = network.peers.map(
      ({ paths: _p, addresses: _a, lastOffence: _l, handshake: _h, streamsOpen: _s, ...view }) => view,
    );
    await act(async () =>
      fake.push('peers', { peers: others.map((peer) => ({ ...peer, connected: false, path: null })) }),
    );
    expect(screen.getByText('Nobody yet')).toBeTruthy();
  });

  it('adds a peer by its address, and shows what the node says of one that is none', async () => {
    const { fake } = await show(page());
    await press(screen.getByRole('button', { name: 'Add …' }));
    expect(screen.getByRole<HTMLButtonElement>('button', { name: 'Connect' }).disabled).toBe(true);
    await type('Address', '/ip6/2001:db8::9/udp/1/quic-v1');
    await press(screen.getByRole('button', { name: 'Connect' }));
    await waitFor(() => expect(screen.getByRole('alert').textContent).toContain('it ends in /p2p/'));
    const id = `12D3KooW${'B'.repeat(44)}`;
    await type('Address', ` /ip6/2001:db8::9/udp/1/quic-v1/p2p/${id} `);
    await press(screen.getByRole('button', { name: 'Connect' }));
    expect(fake.state.network.peers.some(({ peerId }) => peerId === id)).toBe(true);
    await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  });

  it('makes an invite as a link and as a code', async () => {
    await show(page());
    await press(screen.getByRole('button', { name: 'Invite …' }));
    await press(screen.getByRole('button', { name: 'Make the invite' }));
    await waitFor(() => expect(screen.getByRole('img', { name: 'The invite as a QR code' })).toBeTruthy());
    expect(screen.getByText(/^hypermesh:join\//)).toBeTruthy();
    expect(await violations()).toEqual([]);
  });

  it('makes a private network, by invite only or by a secret that is long enough', async () => {
    const { fake } = await show(page());
    await press(screen.getByRole('button', { name: 'New …' }));
    await type('Name', 'garden');
    await press(screen.getByRole('switch', { name: /By invite only/ }));
    const create = screen.getByRole<HTMLButtonElement>('button', { name: 'Create or join' });
    await type('Secret', 'too short');
    expect(create.disabled).toBe(true);
    await type('Secret', 'long enough for a secret');
    await press(create);
    expect(fake.state.network.state.networks.map(({ name }: PrivateNetworkView) => name)).toContain('garden');
  });

  it('says why there is no network, and what to do', async () => {
    await show(page(), (fake) => {
      fake.state.network.state.status = 'waiting';
      fake.state.network.state.reason = 'create an identity first';
    });
    expect(screen.getByText('Create an identity first.')).toBeTruthy();
    expect(screen.getByRole('link', { name: 'Create an identity' }).getAttribute('href')).toBe('#/settings/identity');
    expect(screen.queryByRole('button', { name: 'Add …' })).toBeNull();
    expect(await violations()).toEqual([]);
  });

  it('turns the network on where it was off', async () => {
    const { node } = await show(page(), (fake) => {
      fake.state.network.state.status = 'off';
      fake.state.network.state.reason = 'You have turned it off.';
      fake.state.network.state.settings.enabled = false;
    });
    await press(screen.getByRole('button', { name: 'Take part in the network' }));
    expect(node.store.getState().network?.settings.enabled).toBe(true);
  });
});

describe('one peer', () => {
  it('shows its paths with the reason for each, and measures', async () => {
    await show(page(attic));
    expect(screen.getByRole('heading', { level: 1, name: 'attic' })).toBeTruthy();
    expect(screen.getByText('Kept as a spare way.')).toBeTruthy();
    await press(screen.getByRole('button', { name: 'Ping' }));
    await waitFor(() => expect(screen.getByText(/on average/)).toBeTruthy());
    await press(screen.getByRole('button', { name: 'Trace' }));
    await waitFor(() => expect(screen.getByRole('list', { name: 'Hops' })).toBeTruthy());
    expect(await violations()).toEqual([]);
  });

  it('trusts a peer only by a name', async () => {
    const { fake } = await show(page(slow));
    await press(screen.getByRole('button', { name: 'Name and trust …' }));
    const save = screen.getByRole<HTMLButtonElement>('button', { name: 'Save' });
    expect(save.disabled).toBe(true);
    await type('Name', 'cellar');
    await press(save);
    expect(fake.state.network.peers.find(({ peerId }) => peerId === slow)).toMatchObject({
      name: 'cellar',
      trusted: true,
    });
  });

  it('bans a peer for a time', async () => {
    const { fake } = await show(page(studio));
    await press(screen.getByRole('button', { name: 'Actions for studio' }));
    await press(await screen.findByRole('menuitem', { name: 'Ban …' }));
    await press(screen.getByLabelText('For a time'));
    await type('Reason', 'too loud');
    await press(screen.getByRole('button', { name: 'Ban' }));
    expect(fake.state.network.peers.find(({ peerId }) => peerId === studio)?.ban).toMatchObject({
      reason: 'too loud',
      byOwner: true,
    });
  });

  it('says that it knows no such peer', async () => {
    await show(page('12D3KooWnobody'));
    expect(screen.getByRole('alert').textContent).toContain('PEER_UNKNOWN');
  });
});

describe('words of the network', () => {
  it('writes an address as a person says it, and what it does not know as it is', () => {
    expect(addressText('/ip6/2001:db8::7/udp/4001/quic-v1')).toBe('2001:db8::7, UDP 4001');
    expect(addressText('/ip6zone/eth0/ip6/fe80::1/tcp/4001/tls')).toBe('fe80::1, TCP 4001');
    expect(addressText(`/ip4/198.51.100.7/udp/9/quic-v1/p2p/${attic}/p2p-circuit`)).toBe('through 198.51.100.7, UDP 9');
    expect(addressText('/memory/x')).toBe('/memory/x');
  });

  it('tells peers apart by name or by the end of the id', () => {
    expect(peerTitle(samplePeer(0, { name: 'attic' }))).toBe('attic');
    expect(shortPeer(attic)).toBe(`12D3…${attic.slice(-8)}`);
    expect(new Set(FAKE_PEER_IDS.map(shortPeer)).size).toBe(FAKE_PEER_IDS.length);
  });

  it('writes round trips with a unit and no more digits than help', () => {
    expect([0.119, 1.04, 11.4, 250.2].map(roundTripText)).toEqual(['0.12 ms', '1.0 ms', '11 ms', '250 ms']);
  });

  it('puts a ban before trust and points', () => {
    const ban = { untilMs: null, reason: 'no', byOwner: true };
    expect(standingOf(samplePeer(0, { trusted: true, ban })).word).toBe('banned');
    expect(standingOf(samplePeer(0, { points: 60 })).tone).toBe('problem');
    expect(standingOf(samplePeer(0, { points: 0 })).word).toBe('good');
  });

  it('orders connected before trusted before lately seen', () => {
    const order = inOrder([
      samplePeer(2, { path: null, lastSeenAtMs: 5 }),
      samplePeer(1, { path: null, trusted: true, lastSeenAtMs: 1 }),
      samplePeer(0),
    ]);
    expect(order.map(({ peerId }) => peerId)).toEqual([attic, studio, slow]);
  });
});

describe('qrPath', () => {
  it('draws each run of dark modules once', () => {
    expect(qrPath(['110', '001'])).toBe('M0 0h2v1h-2zM2 1h1v1h-1z');
  });
});

describe('limits of the forms', () => {
  it('are those of the contract', () => {
    const { request } = networkCalls['network:create'];
    expect(request.safeParse({ name: 'a'.repeat(64), secret: 'b'.repeat(12) }).success).toBe(true);
    expect(request.safeParse({ name: 'a'.repeat(65), secret: null }).success).toBe(false);
    expect(request.safeParse({ name: 'a', secret: 'b'.repeat(11) }).success).toBe(false);
    expect(networkCalls['network:join'].request.safeParse({ link: 'x'.repeat(4096) }).success).toBe(true);
    expect(networkCalls['network:configure'].request.safeParse({ connectionsMax: 3 }).success).toBe(false);
  });
});
