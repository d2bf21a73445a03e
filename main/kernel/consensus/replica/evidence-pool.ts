import { encodeEvidence } from '../formats/evidence.ts';
import { hexOf } from '../formats/reader.ts';
import type { Evidence } from '../interface.ts';
import { EVIDENCE_MAX } from '../constants.ts';
import { EVIDENCE_WAITING_MAX } from './constants.ts';

/** Evidence that waits for a block. One per liar: it costs the whole place, however often somebody lied. */
export interface EvidencePool {
  readonly count: number;
  /** @returns whether it is news */
  add(evidence: Evidence): boolean;
  /** Whether another one against the same is known, so that nothing needs to be checked. */
  isKnown(evidence: Evidence): boolean;
  /** For the next block. */
  pick(bytesMax: number): Evidence[];
  /** After a block: takes out what it has, and what is too old. */
  settle(included: readonly Evidence[], height: number, blocksMax: number): void;
}

export const createEvidencePool = (): EvidencePool => {
  const waiting = new Map<string, Evidence>();
  /** Up to which height somebody was punished already. */
  const punished = new Map<string, number>();
  const isKnown = ({ validator, height }: Evidence): boolean => {
    const name = hexOf(validator);
    return waiting.has(name) || (punished.get(name) ?? -1) >= height;
  };
  return {
    get count() {
      return waiting.size;
    },
    isKnown,
    add: (evidence) => {
      if (isKnown(evidence) || waiting.size >= EVIDENCE_WAITING_MAX) return false;
      waiting.set(hexOf(evidence.validator), evidence);
      return true;
    },
    pick: (bytesMax) => {
      const picked: Evidence[] = [];
      let bytes = 0;
      for (const evidence of waiting.values()) {
        bytes += encodeEvidence(evidence).length;
        if (bytes > bytesMax || picked.length >= EVIDENCE_MAX) break;
        picked.push(evidence);
      }
      return picked;
    },
    settle: (included, height, blocksMax) => {
      for (const { validator } of included) {
        waiting.delete(hexOf(validator));
        punished.set(hexOf(validator), height);
      }
      for (const [name, evidence] of waiting) if (evidence.height < height + 1 - blocksMax) waiting.delete(name);
      for (const [name, at] of punished) if (at < height - blocksMax) punished.delete(name);
    },
  };
};
