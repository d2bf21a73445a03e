import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeCbor } from '../../../../../main/base/index.ts';
import { TOKEN_BYTES_MAX } from '../../../../../main/transport/stoq/extensions/constants.ts';
import { TokenError } from '../../../../../main/transport/stoq/extensions/errors.ts';
import {
  createTokenGate,
  issueToken,
  readTokenClaims,
  type TokenGate,
} from '../../../../../main/transport/stoq/extensions/tokens.ts';
import { stoqTasks } from '../../../../../main/transport/stoq/tasks.ts';
import { createSelfMadeVerifier } from '../../../../../main/transport/stoq/verifier.ts';
import { createManualClock } from '../../../../support/manual-clock.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';
import { createInlineWorkers } from '../../../../support/stoq/inline-workers.ts';
import { makePeer } from '../../../../support/stoq/make-peer.ts';

const [issuer, holder, audience, stranger] = [makePeer(11), makePeer(12), makePeer(13), makePeer(14)];
const protocol = '/hypermesh/test/1';
const message = new TextEncoder().encode('one message');
const verifier = createSelfMadeVerifier({ workers: createInlineWorkers({ rooms: { stoq: async () => stoqTasks } }) });

const createBench = (init: { usedMax?: number } = {}) => {
  const outside = { clock: createManualClock(), random: createSeededRandom(1) };
  const gate: TokenGate = createTokenGate(
    { outside, verifier },
    { self: audience.local.peerId, isIssuer: (peer) => peer === issuer.local.peerId, ...init },
  );
  return {
    ...outside,
    gate,
    issue: (change: Partial<Parameters<typeof issueToken>[1]> = {}, by = issuer) =>
      issueToken(
        { outside, local: by.local },
        {
          holder: holder.local.peerId,
          audience: audience.local.peerId,
          protocol,
          message,
          lifeMs: 30_000,
          ...change,
        },
      ),
    admit: (token: Uint8Array, change: Partial<Parameters<TokenGate['admit']>[1]> = {}) =>
      gate.admit(token, { holder: holder.local.peerId, protocol, message, ...change }),
  };
};

describe('a routing token', () => {
  it('lets its message pass once', async () => {
    const { admit, issue, gate } = createBench();
    const token = await issue();
    expect(token.length).toBeLessThanOrEqual(TOKEN_BYTES_MAX);
    await expect(admit(token)).resolves.toMatchObject({ issuer: issuer.local.peerId, protocol });
    await expect(admit(token)).rejects.toMatchObject({ code: 'TOKEN_USED' });
    expect(gate.usedCount).toBe(1);
    // Both at once: one of them.
    const second = await issue();
    const outcomes = await Promise.allSettled([admit(second), admit(second)]);
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  });

  it('serves no other holder, protocol, message, audience or issuer', async () => {
    const { admit, issue } = createBench();
    const token = await issue();
    await expect(admit(token, { holder: stranger.local.peerId })).rejects.toMatchObject({ data: { what: 'holder' } });
    await expect(admit(token, { protocol: '/hypermesh/other/1' })).rejects.toMatchObject({
      data: { what: 'protocol' },
    });
    await expect(admit(token, { message: Uint8Array.of(1) })).rejects.toMatchObject({ data: { what: 'message' } });
    const elsewhere = await issue({ audience: stranger.local.peerId });
    await expect(admit(elsewhere)).rejects.toMatchObject({ data: { what: 'audience' } });
    await expect(admit(await issue({}, stranger))).rejects.toMatchObject({ code: 'TOKEN_ISSUER' });
    const payload = encodeCbor({
      v: 1,
      issuer: issuer.local.peerId,
      holder: holder.local.peerId,
      audience: audience.local.peerId,
      protocol,
      message: new Uint8Array(32),
      nonce: new Uint8Array(16),
      issuedAtMs: 1,
      expiresAtMs: 2,
    });
    const inAnothersName = await stranger.local.sign('stoq-token', payload);
    await expect(admit(inAnothersName)).rejects.toMatchObject({ data: { what: 'issuer' } });
    const ofAnotherDomain = await issuer.local.sign('stoq-hop', payload);
    await expect(admit(ofAnotherDomain)).rejects.toMatchObject({ code: 'SIGNATURE_REFUSED' });
    // None of it has used it up.
    await expect(admit(token)).resolves.toMatchObject({ protocol });
  });

  it('bears clocks that differ by a minute, and no more', async () => {
    const { admit, issue, clock } = createBench();
    const startMs = clock.nowMs();
    const [late, later, early] = [await issue(), await issue(), await issue()];
    clock.setNowMs(startMs + 30_000 + 60_000);
    await expect(admit(late)).resolves.toBeDefined();
    clock.setNowMs(startMs + 30_000 + 60_001);
    await expect(admit(later)).rejects.toMatchObject({ code: 'TOKEN_EXPIRED', data: { byMs: 60_001 } });
    clock.setNowMs(startMs - 2 * 3_600_000);
    await expect(admit(early)).rejects.toMatchObject({ code: 'TOKEN_EARLY', data: { byMs: 7_200_000 } });
    clock.setNowMs(startMs - 60_000);
    await expect(admit(early)).resolves.toBeDefined();
  });

  it('is never forgotten while it could be shown again, however many there are', async () => {
    const { admit, issue, clock, gate } = createBench({ usedMax: 3 });
    const tokens = [];
    for (let i = 0; i < 4; i++) tokens.push(await issue());
    for (const token of tokens.slice(0, 3)) await admit(token);
    await expect(admit(tokens[3] as Uint8Array)).rejects.toMatchObject({ code: 'TOKENS_FULL' });
    await expect(admit(tokens[0] as Uint8Array)).rejects.toMatchObject({ code: 'TOKEN_USED' });
    await clock.advance(30_000 + 60_001);
    await expect(admit(tokens[0] as Uint8Array)).rejects.toMatchObject({ code: 'TOKEN_EXPIRED' });
    await expect(admit(await issue())).resolves.toBeDefined();
    expect(gate.usedCount).toBe(1);
  });

  it('is refused with an error of ours, whatever bytes it has', async () => {
    const { admit, issue } = createBench();
    const token = await issue();
    await fc.assert(
      fc.asyncProperty(fc.nat(token.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const changed = token.slice();
        changed[at] = (changed[at] as number) ^ change;
        await expect(admit(changed)).rejects.toMatchObject({ data: { verdict: expect.any(String) as string } });
      }),
      { numRuns: 100 },
    );
    await expect(admit(new Uint8Array(TOKEN_BYTES_MAX + 1))).rejects.toMatchObject({ code: 'TOKEN_MALFORMED' });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.object().map(encodable)), (bytes) => {
        expect(() => readTokenClaims(bytes)).toThrow(TokenError);
      }),
      { numRuns: 1000 },
    );
  });

  it('lives ten minutes at most', async () => {
    const { issue } = createBench();
    await expect((async () => issue({ lifeMs: 600_001 }))()).rejects.toThrow('ten minutes');
    const lasting = { v: 1, issuer: issuer.local.peerId, holder: holder.local.peerId, audience: audience.local.peerId };
    const times = { issuedAtMs: 0, expiresAtMs: 600_001 };
    const rest = { protocol, message: new Uint8Array(32), nonce: new Uint8Array(16) };
    expect(() => readTokenClaims(encodeCbor({ ...lasting, ...rest, ...times }))).toThrow('ten minutes');
    expect(readTokenClaims(encodeCbor({ ...lasting, ...rest, ...times, expiresAtMs: 600_000 }))).toMatchObject({
      protocol,
    });
  });
});

/** dag-cbor of what it can say, of anything. */
function encodable(value: unknown): Uint8Array {
  try {
    return encodeCbor(value);
  } catch {
    return Uint8Array.of(0xa0);
  }
}
