import { expect, it } from 'vitest';
import { challengeHashOf, verifyWork } from '../../../../../main/kernel/proof/index.ts';
import { workChallenge, workContext } from '../../../../support/proof-work.ts';
import { forge } from './forge.ts';

// A file of its own: each draw takes milliseconds on purpose, and ten thousand of them half a minute.
it('refuses a proof with any byte changed, in ten thousand ways', { timeout: 300_000 }, () => {
  const challenge = workChallenge(7);
  const against = workContext(challenge);
  const { proof } = forge(challengeHashOf(challenge), { rows: 24, openings: 8 });
  expect(verifyWork(proof, against)).toMatchObject({ passed: true });
  let tried = 0;
  const accepted: string[] = [];
  const attempt = (at: number, mask: number): void => {
    const changed = proof.slice();
    changed[at]! ^= mask;
    tried += 1;
    if (verifyWork(changed, against).passed) accepted.push(`${at}:${mask}`);
  };
  for (let at = 0; at < proof.length; at += 1) attempt(at, 1 << (at % 8));
  for (let more = 0; tried < 10_000; more += 1) attempt((more * 7919) % proof.length, 1 + ((more * 31) % 255));
  expect(accepted).toEqual([]);
});
