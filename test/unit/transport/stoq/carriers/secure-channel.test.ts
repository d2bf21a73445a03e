import { X509Certificate } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { connect, TLSSocket } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { createSystemOutside } from '../../../../../main/base/index.ts';
import type { Channel } from '../../../../../main/transport/stoq/carriers/interface.ts';
import { createTlsCredentials, secureChannel } from '../../../../../main/transport/stoq/carriers/tls/secure-channel.ts';
import { createSelfSignedCertificate } from '../../../../../main/transport/stoq/carriers/tls/self-signed-certificate.ts';
import type { Address } from '../../../../../main/transport/stoq/interface.ts';
import { createManualClock } from '../../../../support/manual-clock.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';
import { createDuplexPair } from '../../../../support/stoq/duplex-pair.ts';

const outside = createSystemOutside();
const logger = createSilentLogger();
const credentials = createTlsCredentials(outside);
const secure = (
  pipe: Duplex,
  direction: 'in' | 'out',
  more: { signal?: AbortSignal; handshakeMs?: number } = {},
): Promise<Channel> =>
  secureChannel(
    { outside, logger },
    { credentials, pipe, tier: 'relay', direction, remoteAddress: '/memory/other' as Address, ...more },
  );
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('a secure channel over any pipe', () => {
  it('carries streams and has one binding at both ends', async () => {
    const [a, b] = createDuplexPair();
    const [near, far] = await Promise.all([secure(a, 'out'), secure(b, 'in')]);
    expect(hex(near.binding)).toBe(hex(far.binding));
    const stream = await near.openStream();
    await stream.write(Buffer.alloc(300_000, 7));
    await stream.finish();
    const taken = await far.acceptStream();
    let bytes = 0;
    for (let part = await taken?.read(64_000); part != null; part = await taken?.read(64_000)) bytes += part.length;
    expect(bytes).toBe(300_000);
    expect(near.stats().wireSentBytes).toBeGreaterThan(0);
    near.abort();
    await far.closed;
    expect([a.destroyed, b.destroyed]).toEqual([true, true]);
  });

  it('has two bindings that differ for whoever sits in the middle', async () => {
    const [a, middleA] = createDuplexPair();
    const [middleB, b] = createDuplexPair();
    const [near, , , far] = await Promise.all([
      secure(a, 'out'),
      secure(middleA, 'in'),
      secure(middleB, 'out'),
      secure(b, 'in'),
    ]);
    expect(hex(near.binding)).not.toBe(hex(far.binding));
    near.abort();
    far.abort();
  });

  it('never sends the same thing twice that would tell two of its channels apart from others', () => {
    const certificates = [1, 2].map(
      () => new X509Certificate(createSelfSignedCertificate(outside.random.bytes(8)).cert),
    );
    for (const certificate of certificates) {
      expect(certificate.subject).toBe('CN=stoq');
      expect(certificate.issuer).toBe('CN=stoq');
      expect(certificate.verify(certificate.publicKey)).toBe(true);
      expect(certificate.publicKey.asymmetricKeyDetails).toMatchObject({ namedCurve: 'prime256v1' });
    }
    expect(certificates[0]?.serialNumber).not.toBe(certificates[1]?.serialNumber);
    expect(certificates[0]?.fingerprint256).not.toBe(certificates[1]?.fingerprint256);
  });

  it.each<[string, (pipe: Duplex) => void]>([
    ['garbage', (pipe) => pipe.write(Buffer.alloc(100, 0x47))],
    ['a pipe that ends', (pipe) => pipe.destroy()],
    [
      'TLS without the application protocol',
      (pipe) => connect({ socket: pipe, rejectUnauthorized: false }).on('error', () => undefined),
    ],
    [
      'TLS with another application protocol',
      (pipe) =>
        connect({ socket: pipe, rejectUnauthorized: false, ALPNProtocols: ['h2'] }).on('error', () => undefined),
    ],
    [
      'TLS 1.2',
      (pipe) =>
        connect({
          socket: pipe,
          rejectUnauthorized: false,
          maxVersion: 'TLSv1.2',
          ALPNProtocols: ['hypermesh-stoq/1'],
        }).on('error', () => undefined),
    ],
  ])('refuses %s', async (_name, speak) => {
    const [ours, theirs] = createDuplexPair();
    theirs.on('error', () => undefined);
    const refused = secure(ours, 'in');
    speak(theirs);
    await expect(refused).rejects.toMatchObject({ code: 'UNREACHABLE' });
    expect(ours.destroyed).toBe(true);
  });

  it('refuses a listener that speaks another application protocol', async () => {
    const [ours, theirs] = createDuplexPair();
    const server = new TLSSocket(theirs, { isServer: true, secureContext: credentials.server });
    server.on('error', () => undefined);
    await expect(secure(ours, 'out')).rejects.toMatchObject({ code: 'UNREACHABLE' });
    expect(ours.destroyed).toBe(true);
  });

  it('gives up on silence in time, and at once when aborted', async () => {
    const clock = createManualClock();
    const [silent] = createDuplexPair();
    const waiting = secureChannel(
      { outside: { ...outside, clock }, logger },
      { credentials, pipe: silent, tier: 'relay', direction: 'out', remoteAddress: '/memory/other' as Address },
    );
    clock.advanceSync(5_000);
    await expect(waiting).rejects.toMatchObject({ code: 'TIMED_OUT' });
    expect([silent.destroyed, clock.pendingCount]).toEqual([true, 0]);
    const [pipe] = createDuplexPair();
    const controller = new AbortController();
    const reason = new Error('no longer wanted');
    const aborted = secure(pipe, 'out', { signal: controller.signal });
    controller.abort(reason);
    await expect(aborted).rejects.toBe(reason);
    expect(pipe.destroyed).toBe(true);
  });
});
