import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSystemOutside } from '../../../../../../main/base/index.ts';
import type { GlobalAddress } from '../../../../../../main/kernel/leases/index.ts';
import { createVpn, type Vpn } from '../../../../../../main/kernel/proxy/forwarders/vpn/index.ts';
import { createMemoryDialer } from '../../../../../support/memory-pipe.ts';
import { createSilentLogger } from '../../../../../support/silent-logger.ts';
import { echoPacket, LOCAL } from '../../../../../support/vpn-packets.ts';

// Programs that pretend to be the helper: they say what it says and give what a test wants.

let folder = '';
let vpn: Vpn | null = null;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hm-vpn-'));
});
afterEach(async () => {
  await vpn?.stop();
  vpn = null;
  rmSync(folder, { recursive: true, force: true });
});
const helperOf = (script: string): string => {
  const path = join(folder, "helper's own");
  writeFileSync(path, `#!/bin/sh\nfolder='${folder}'\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
};
const create = (helperPath: string, address: GlobalAddress | null = LOCAL as GlobalAddress): Vpn => {
  vpn = createVpn(
    {
      outside: createSystemOutside(),
      logger: createSilentLogger(),
      metrics: null,
      dialer: createMemoryDialer(),
      localAddress: () => address,
    },
    { helperPath },
  );
  return vpn;
};
const frame = (packet: Buffer): string => {
  const bytes = Buffer.concat([Uint8Array.of(packet.length >> 8, packet.length & 0xff), packet]);
  return [...bytes].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
};
const READY = `echo '{"ready":"'$1'","sentence":""}' >&2`;
const until = async (holds: () => boolean): Promise<void> => {
  for (const endMs = performance.now() + 10_000; !holds(); ) {
    if (performance.now() > endMs) throw new Error('It never came to hold.');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};

describe('a VPN', () => {
  it('is down at first, comes up, carries, counts, and goes down with its helper', async () => {
    const request = echoPacket(Buffer.from('hello'));
    const created = create(
      helperOf(
        `echo "$@" > $folder/arguments; ${READY}; printf '${frame(request)}'; cat > $folder/answers; echo gone > $folder/gone`,
      ),
    );
    let changes = 0;
    created.on('changed', () => {
      changes += 1;
    });
    expect(created.view()).toMatchObject({ state: 'down', reason: '', device: null, address: null });
    expect(await created.up()).toMatchObject({ state: 'up', reason: '', device: 'hm0', address: LOCAL });
    expect(readFileSync(join(folder, 'arguments'), 'utf8')).toBe(`hm0 65535 ${LOCAL}\n`);
    await until(() => created.view().receivedPackets === 1);
    expect(created.view()).toMatchObject({ sentPackets: 1, sentBytes: request.length, receivedBytes: request.length });
    expect(changes).toBeGreaterThanOrEqual(2);
    expect(await created.down()).toMatchObject({ state: 'down', device: null, connectionsNow: 0 });
    expect(readFileSync(join(folder, 'gone'), 'utf8')).toBe('gone\n');
    const answers = readFileSync(join(folder, 'answers'));
    expect(answers.readUInt16BE(0)).toBe(request.length);
    expect(answers[42]).toBe(129);
  });
  it('does not come up twice, and does what is asked one after the other', async () => {
    const created = create(helperOf(`echo start >> $folder/starts; ${READY}; cat > /dev/null`));
    const [first, second, third] = await Promise.all([created.up(), created.up(), created.down()]);
    expect([first.state, second.state, third.state]).toEqual(['up', 'up', 'down']);
    expect(readFileSync(join(folder, 'starts'), 'utf8')).toBe('start\n');
    await created.stop();
    await created.stop();
    expect(created.view().state).toBe('down');
  });
  it('takes the next device when one exists', async () => {
    const created = create(
      helperOf(
        `[ $1 = hm2 ] || { echo '{"error":"NAME_TAKEN","sentence":"taken"}' >&2; exit 2; }; ${READY}; cat > /dev/null`,
      ),
    );
    expect(await created.up()).toMatchObject({ state: 'up', device: 'hm2' });
  });
  it('says how to grant the right, with the very path', async () => {
    const path = helperOf(`echo '{"error":"NO_PERMISSION","sentence":"not permitted"}' >&2; exit 2`);
    const view = await create(path).up();
    expect(view.state).toBe('refused');
    expect(view.reason).toContain(`sudo setcap cap_net_admin+ep '${path.replace("'", String.raw`'\''`)}'`);
  });
  it.each([
    ['NAME_TAKEN', 'sudo ip link delete hm0'],
    ['NO_TUN', 'sudo modprobe tun'],
    ['NO_IPV6', 'disable_ipv6=0'],
    ['ROUTE_TAKEN', 'ip -6 route show fd00::/8'],
    ['DEVICE_FAILED', 'the sentence'],
  ])('says what to do about %s', async (code, advice) => {
    const view = await create(helperOf(`echo '{"error":"${code}","sentence":"the sentence"}' >&2; exit 2`)).up();
    expect(view).toMatchObject({ state: 'refused', device: null });
    expect(view.reason).toContain(advice);
  });
  it('says so when there is no helper, none that starts, and none that speaks', async () => {
    expect((await create(join(folder, 'nowhere')).up()).reason).toContain('sudo apt-get install gcc libc6-dev');
    const silent = helperOf('echo nonsense >&2; exit 3');
    expect((await create(silent).up()).reason).toContain('the helper ended (3)');
    chmodSync(silent, 0o644);
    expect((await create(silent).up()).reason).toContain('setcap');
  });
  it('is refused while there is no address', async () => {
    const view = await create(helperOf(READY), null).up();
    expect(view).toMatchObject({ state: 'refused' });
    expect(view.reason).toContain('unlock');
  });
  it('says so when its helper ends or sends what is no packet, and comes up again', async () => {
    // As when an administrator takes the device away.
    const created = create(helperOf(`${READY}; sleep 0.05; exit 7`));
    await created.up();
    await until(() => created.view().state === 'refused');
    expect(created.view().reason).toContain('the helper ended (7)');
    helperOf(`${READY}; sleep 0.05; printf '\\000\\001'; cat > /dev/null`);
    await created.up();
    await until(() => created.view().state === 'refused');
    expect(created.view().reason).toContain('no packet');
    helperOf(`${READY}; cat > /dev/null`);
    expect((await created.up()).state).toBe('up');
  });
});
