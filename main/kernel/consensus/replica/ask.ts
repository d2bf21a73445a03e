import type { Outside } from '../../../base/index.ts';
import { answerBytesMax, decodeAnswer, encodeQuestion, type Question } from '../formats/index.ts';
import type { ReplicaNetwork } from '../interface.ts';

/** Asks a peer and reads the answer. @throws {ConsensusFormatError} and whatever the network throws */
export const askPeer = async <T extends Question['type']>(
  network: ReplicaNetwork,
  peer: string,
  question: Extract<Question, { type: T }>,
  signal?: AbortSignal,
): Promise<ReturnType<typeof decodeAnswer<T>>> => {
  const answer = await network.request(peer, encodeQuestion(question), {
    bytesMax: answerBytesMax(question),
    ...(signal !== undefined && { signal }),
  });
  return decodeAnswer(question, answer);
};

/** Peers that are left alone for a while. */
export interface Pauses {
  isPaused(peer: string): boolean;
  pause(peer: string, ms: number): void;
}
export const createPauses = (clock: Outside['clock']): Pauses => {
  const until = new Map<string, number>();
  return {
    isPaused: (peer) => (until.get(peer) ?? 0) > clock.monotonicMs(),
    pause: (peer, ms) => {
      for (const [name, at] of until) if (at <= clock.monotonicMs()) until.delete(name);
      until.set(peer, clock.monotonicMs() + ms);
    },
  };
};
