import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { findPort, hasFamily } from '../../../../main/transport/stoq/find-port.ts';

const loopback = [{ family: 'ip4', host: '127.0.0.1' }] as const;
const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});
const holdTcp = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      resolve((server.address() as { port: number }).port);
    });
    ends.push(() => server.close());
  });
const holdUdp = (): Promise<number> =>
  new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1', () => resolve(socket.address().port));
    ends.push(() => socket.close());
  });

it('gives the wanted port where UDP and TCP are free there, again and again', async () => {
  const first = await findPort(loopback, []);
  expect(first?.port).toBeGreaterThan(0);
  for (let again = 0; again < 3; again += 1)
    expect(await findPort(loopback, [first?.port ?? 0])).toEqual({ port: first?.port, refused: [] });
});
it.each([
  ['TCP', holdTcp],
  ['UDP', holdUdp],
])('gives another where %s is taken, and says which was', async (_what, hold) => {
  const taken = await hold();
  const found = await findPort(loopback, [taken]);
  expect(found?.refused).toEqual([{ port: taken, code: 'EADDRINUSE' }]);
  expect(found?.port).not.toBe(taken);
});
it('gives none where no host can be had', async () => {
  expect(await findPort([{ family: 'ip4', host: '203.0.113.7' }], [])).toBeNull();
});
it('knows which families the machine has', async () => {
  expect(await hasFamily('ip4', '127.0.0.1')).toBe(true);
  expect(await hasFamily('ip4', '203.0.113.7')).toBe(false);
});
