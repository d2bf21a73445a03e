import { hexOf } from '../formats/reader.ts';
import type { CoreInput } from './interface.ts';

type Heard = Extract<CoreInput, { kind: 'vote' | 'proposal' }>;

/** Signers whose messages are held: two sets of the largest size. */
const SIGNERS_MAX = 200;

/** Messages of the next height, which begins here when the block is on disk: others may be quicker. */
export interface LookAhead {
  /** @returns whether nobody spoke of so late a height before */
  keep(now: number, heard: Heard): boolean;
  /** What was heard of that height; all else is forgotten. */
  take(height: number): Heard[];
}

export const createLookAhead = (perSignerMax: number): LookAhead => {
  let bySigner = new Map<string, Heard[]>();
  let latest = 0;
  const heightOf = (heard: Heard): number => (heard.kind === 'vote' ? heard.vote.height : heard.proposal.height);
  return {
    keep: (now, heard) => {
      const height = heightOf(heard);
      if (height === now + 1) {
        const signer = hexOf(heard.kind === 'vote' ? heard.vote.validator : heard.proposal.proposer);
        const held = bySigner.get(signer) ?? [];
        if (held.length < perSignerMax && (held.length > 0 || bySigner.size < SIGNERS_MAX))
          bySigner.set(signer, [...held, heard]);
      }
      if (height <= latest) return false;
      latest = height;
      return true;
    },
    take: (height) => {
      const found = [...bySigner.values()].flat().filter((heard) => heightOf(heard) === height);
      bySigner = new Map();
      return found;
    },
  };
};
