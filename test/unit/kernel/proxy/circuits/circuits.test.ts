import { expect, test } from 'vitest';
import type { Link } from '../../../../../main/kernel/leases/index.ts';
import { readMessage, request, respond, writeMessage } from '../../../../../main/transport/stoq/index.ts';
import { createCircuitTown } from '../../../../support/proxy/circuit-world.ts';

const ECHO = {
  name: '/hypermesh/test-echo/1',
  streamsMax: 64,
  opensPerTenSeconds: 1000,
  bytesMax: null,
  deadlineMs: null,
};
const BACK = { ...ECHO, name: '/hypermesh/test-back/1' };

test('leads streams both ways through two relays, with one secret at both ends', async () => {
  const { world, client, target } = await createCircuitTown(3, {}, { client: { reverseProtocols: [BACK.name] } });
  const { clock } = world;
  const seen: Link[] = [];
  target.links.handle(ECHO, async (stream, link) => {
    seen.push(link);
    await respond(stream, {}, (bytes) => Buffer.from(bytes).reverse());
  });
  client.links.handle(BACK, async (stream) => {
    const message = await readMessage(stream);
    await writeMessage(stream, Buffer.concat([Buffer.from('client got '), message ?? new Uint8Array(0)]));
    await stream.finish();
  });
  const link = await clock.drive(client.links.open({ peer: target.peerId, route: 'anonymous' }));
  expect(link.party).toMatchObject({ kind: 'peer', peerId: target.peerId });
  expect(link.route).toBe('anonymous');
  const answer = await clock.drive(request(link, ECHO.name, Buffer.from('abc')));
  expect(Buffer.from(answer).toString()).toBe('cba');

  const [far] = seen;
  if (far === undefined) throw new Error('nobody came');
  expect(far.party).toEqual({ kind: 'anonymous' });
  expect(far.exportKey('x')).toEqual(link.exportKey('x'));
  expect(far.exportKey('x')).not.toEqual(link.exportKey('y'));
  expect(await clock.drive(link.ping())).toBeGreaterThan(20);

  const back = await clock.drive(far.openStream(BACK.name));
  await clock.drive(writeMessage(back, Buffer.from('hello')));
  expect(Buffer.from((await clock.drive(readMessage(back))) ?? []).toString()).toBe('client got hello');

  await clock.drive(link.close());
  await clock.until(() => target.circuits.stats().sessions === 0, 'the far end is gone');
  await world.stop();
});
