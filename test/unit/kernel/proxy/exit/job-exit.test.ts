import { createServer } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createSystemOutside } from '../../../../../main/base/index.ts';
import { createDestinationCheck } from '../../../../../main/kernel/proxy/destinations/index.ts';
import { createJobExit } from '../../../../../main/kernel/proxy/exit/index.ts';
import type { DestinationPolicy } from '../../../../../main/kernel/proxy/index.ts';

const { clock } = createSystemOutside();
const server = createServer({ allowHalfOpen: true }, (socket) => {
  socket.on('data', (data) => socket.write(data.toString('latin1').toUpperCase()));
  socket.on('end', () => socket.end());
  socket.on('error', () => undefined);
});
let port = 0;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as { port: number }).port;
});
afterAll(() => void server.close());

const exit = (policy: () => DestinationPolicy, { exitAllowed = true, rate = null as number | null } = {}) => {
  const counted: number[] = [];
  const network = createJobExit({
    clock,
    destinations: createDestinationCheck({
      clock,
      apiPort: () => 9470,
      resolve: async (name) => (name === 'inside.example' ? ['127.0.0.1'] : []),
    }),
    rules: { policy: ({ proxy }) => (proxy.exitAllowed ? policy() : { mode: 'none' }) },
    terms: () => ({ proxy: { relaysAllowed: false, exitAllowed } }),
    bytesPerSecond: () => rate,
    countBytes: (bytes) => void counted.push(bytes),
  });
  return { network, counted };
};
const { signal } = new AbortController();

it('leads where the owner named the place, and counts what passes', async () => {
  const { network, counted } = exit(() => ({ mode: 'list', allowed: [`127.0.0.1:${port}`] }));
  const pipe = await network.connect('127.0.0.1', port, { signal });
  await pipe.write(new TextEncoder().encode('hello'));
  const answer = await pipe.read(64);
  expect(new TextDecoder().decode(answer ?? undefined)).toBe('HELLO');
  await pipe.finish();
  expect(await pipe.read()).toBeNull();
  expect(counted.reduce((sum, bytes) => sum + bytes, 0)).toBe(10);
});
it.each([
  ['127.0.0.1', 'loopback'],
  ['10.0.0.1', 'private'],
  ['169.254.169.254', ''],
  ['192.168.1.1', ''],
  ['[fd00::1]', ''],
  ['inside.example', ''],
])('refuses %s, whatever else is open', async (host) => {
  const { network } = exit(() => ({ mode: 'all', named: [] }));
  await expect(network.connect(host.replaceAll(/[[\]]/g, ''), port, { signal })).rejects.toMatchObject({
    code: 'DESTINATION_REFUSED',
  });
});
it('leads nowhere while the owner lets nothing out', async () => {
  const { network } = exit(() => ({ mode: 'list', allowed: [`127.0.0.1:${port}`] }), { exitAllowed: false });
  await expect(network.connect('127.0.0.1', port, { signal })).rejects.toMatchObject({ code: 'DESTINATION_REFUSED' });
});
it('holds the rate that the owner lets pass', async () => {
  const { network } = exit(() => ({ mode: 'list', allowed: [`127.0.0.1:${port}`] }), { rate: 200_000 });
  const pipe = await network.connect('127.0.0.1', port, { signal });
  const began = performance.now();
  const bytes = 300_000;
  const sent = (async () => {
    for (let done = 0; done < bytes; done += 10_000) await pipe.write(new Uint8Array(10_000).fill(97));
    await pipe.finish();
  })();
  let received = 0;
  for (let piece = await pipe.read(); piece !== null; piece = await pipe.read()) received += piece.length;
  await sent;
  expect(received).toBe(bytes);
  // 300 kB at 200 kB/s are 1.5 s, less what the bucket lets through at once.
  expect(performance.now() - began).toBeGreaterThan(300);
});
