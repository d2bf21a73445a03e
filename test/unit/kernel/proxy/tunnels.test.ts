import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSystemOutside } from '../../../../main/base/index.ts';
import type { LeaseId } from '../../../../main/kernel/leases/index.ts';
import type { LocalProxyInit, StartProxy } from '../../../../main/kernel/proxy/index.ts';
import { newCounters } from '../../../../main/kernel/proxy/translation-table.ts';
import { createMemoryNetwork } from '../../../../main/transport/stoq/carriers/memory/create-memory-network.ts';
import type { Address } from '../../../../main/transport/stoq/index.ts';
import {
  codeOf,
  createMemorySettings,
  type ProxyNode,
  serveTcp,
  startProxyNode,
} from '../../../support/proxy/proxy-node.ts';
import { createStoqWorkers } from '../../../support/stoq/test-node.ts';

const outside = createSystemOutside();
const workers = createStoqWorkers();
const settings = createMemorySettings();
const LEASE = `lease-${'2'.repeat(32)}` as LeaseId;
const proxies: { kind: string; init: LocalProxyInit }[] = [];
const startProxy: StartProxy = async (kind, init) => {
  proxies.push({ kind, init });
  return {
    listen: { host: '::1', port: init.port || 1080 },
    counters: newCounters(0),
    refused: () => 3,
    stop: async () => undefined,
  };
};
const network = createMemoryNetwork({ outside });
const start = (name: string): Promise<ProxyNode> =>
  startProxyNode(
    { outside, workers },
    { seed: 21, carriers: [network.carrier(name)], listen: `/memory/${name}` as Address, settings, startProxy },
  );
const request = {
  target: '127.0.0.1:9',
  protocol: 'tcp' as const,
  port: 0,
  name: '',
  privacyLevel: 'P2P' as const,
  privacyNames: [] as string[],
  relaysAllowed: true,
};
let node: ProxyNode;
beforeAll(async () => {
  node = await start('first');
});
afterAll(() => node.stop());

describe('tunnels', () => {
  it('come back after a start, at the addresses and ports that they had', async () => {
    const web = await node.tunnels.expose({ ...request, target: '127.0.0.1:8080', name: 'web', protocol: 'http' });
    const hidden = await node.tunnels.expose({ ...request, privacyLevel: 'Private', relaysAllowed: false });
    await node.tunnels.unexpose(hidden.id);
    const { listen, id } = await node.tunnels.reach({
      address: web.address,
      port: 8080,
      protocol: 'tcp',
      localPort: 0,
      route: 'direct',
    });
    node.borrowed.set(LEASE, node.peerId);
    const socks = await node.tunnels.proxy({ kind: 'socks', localPort: 0, lease: LEASE, username: 'a', password: 'b' });
    expect(socks).toMatchObject({ listen: '[::1]:1080', lease: LEASE, password: true, refused: 3 });
    expect([web.id, id, socks.id].every((one) => /^[0-9a-f]{8}$/.test(one))).toBe(true);
    await node.stop();
    node = await start('second');
    const { exposures, reached, proxies: open, table } = node.tunnels.state();
    expect(exposures).toMatchObject([{ id: web.id, address: web.address, name: 'web', port: 8080, problem: '' }]);
    expect(reached).toMatchObject([{ id, listen, address: web.address }]);
    expect(open).toMatchObject([{ id: socks.id, lease: LEASE, listen: '[::1]:1080' }]);
    expect(table.entries).toBe(1);
    expect(proxies.at(-1)).toMatchObject({
      kind: 'socks',
      init: { port: 1080, lease: LEASE, username: 'a', password: 'b' },
    });
    expect(proxies.at(-1)?.init.names()).toEqual([{ name: 'web', protocol: 'http', address: web.address, port: 8080 }]);
    await node.tunnels.unproxy(socks.id);
    await node.tunnels.unreach(id);
    await node.tunnels.unexpose(web.id);
    expect(node.tunnels.state()).toMatchObject({ exposures: [], reached: [], proxies: [], table: { entries: 0 } });
  });

  it('wait for the keys, and have other addresses under other keys', async () => {
    const { address } = await node.tunnels.expose(request);
    node.keys.set(null);
    await expect.poll(() => node.tunnels.state().exposures[0]?.problem).toContain('keys');
    expect(node.tunnels.state().table.entries).toBe(0);
    expect(await codeOf(node.tunnels.expose(request))).toBe('NOT_RUNNING');
    node.keys.set(node.peer);
    await expect.poll(() => node.tunnels.state().exposures[0]).toMatchObject({ address, problem: '' });
    for (const { id } of node.tunnels.state().exposures) await node.tunnels.unexpose(id);
  });

  it('refuse what nobody can mean', async () => {
    const { tunnels } = node;
    expect(await codeOf(tunnels.expose({ ...request, target: 'nowhere' }))).toBe('TARGET_INVALID');
    expect(await codeOf(tunnels.expose({ ...request, target: 'unix:/x' }))).toBe('TARGET_INVALID');
    expect(await codeOf(tunnels.expose({ ...request, privacyNames: ['nobody'] }))).toBe('NAMES_UNKNOWN');
    expect(await codeOf(tunnels.expose({ ...request, privacyLevel: 'PrivateNetwork', privacyNames: ['x'] }))).toBe(
      'NAMES_UNKNOWN',
    );
    node.groups.push({ name: 'friends', peers: [] });
    const named = await tunnels.expose({ ...request, privacyNames: ['@friends'] });
    expect(named.sentence).toContain('@friends');
    await tunnels.unexpose(named.id);
    for (const end of [tunnels.unexpose, tunnels.unreach, tunnels.unproxy])
      expect(await codeOf(end('00000000'))).toBe('TUNNEL_UNKNOWN');
    const other = `lease-${'3'.repeat(32)}`;
    expect(await codeOf(tunnels.proxy({ kind: 'socks', localPort: 0, lease: other, username: '', password: '' }))).toBe(
      'LEASE_NOT_NETWORK',
    );
    expect(await codeOf(tunnels.resolve('fd00::1' as never))).toBe('ADDRESS_UNKNOWN');
  });

  it('say when a port is taken, and tell listeners of changes', async () => {
    const taken = await serveTcp(() => undefined);
    const reach = { address: 'fd00::1', port: 80, protocol: 'tcp' as const, route: 'direct' as const };
    expect(await codeOf(node.tunnels.reach({ ...reach, localPort: taken.port }))).toBe('PORT_IN_USE');
    await taken.stop();
    let changes = 0;
    const end = node.tunnels.on('changed', () => {
      changes += 1;
    });
    const { id } = await node.tunnels.reach({ ...reach, localPort: 0 });
    expect(changes).toBe(1);
    await node.tunnels.unreach(id);
    end();
  });
});
