import type { CarrierStream } from '../carriers/interface.ts';
import { ACKS_PER_MESSAGE_MAX } from './constants.ts';
import { type Ack, type ControlMessage, decodeControl, encodeControl, readFrame } from './frames.ts';

/** Acknowledgements that wait for a peer which does not read its control stream. One that lets more pile up is cut off. */
const WAITING_ACKS_MAX = 16_384;
const WAITING_MESSAGES_MAX = 256;

/** The control stream of a path: what was the handshake's. */
export interface Control {
  /** Queues a message. Messages leave in order, as fast as the peer reads them. */
  send(message: ControlMessage): void;
  /** Queues an acknowledgement; those that wait leave together. */
  ack(ack: Ack): void;
  /** One call at a time. @returns null at the end @throws {StreamError} `MALFORMED` | {CarrierError} */
  receive(): Promise<ControlMessage | null>;
  /** Resolves when all that was queued is with the carrier, or never will be. */
  drained(): Promise<void>;
}

/** @param onBroken - called once when the stream cannot be written any more */
export const createControl = (stream: CarrierStream, onBroken: (problem: string) => void): Control => {
  let messages: ControlMessage[] = [];
  let acks: Ack[] = [];
  let broken = false;
  let writing: Promise<void> | null = null;

  const fail = (problem: string): void => {
    if (broken) return;
    broken = true;
    messages = [];
    acks = [];
    onBroken(problem);
  };
  const next = (): Uint8Array | null => {
    // Acknowledgements first: a goodbye must not overtake what it waited for.
    if (acks.length > 0) return encodeControl({ type: 'ack', acks: acks.splice(0, ACKS_PER_MESSAGE_MAX) });
    const message = messages.shift();
    return message === undefined ? null : encodeControl(message);
  };
  const writeAll = async (): Promise<void> => {
    // One turn later, so that what is queued in this one leaves together.
    await Promise.resolve();
    for (let frame = next(); frame !== null && !broken; frame = next()) await stream.write(frame);
  };
  const wake = (): void => {
    if (broken || writing !== null) return;
    writing = writeAll()
      .catch(() => fail('the control stream is gone'))
      .finally(() => {
        writing = null;
        if (messages.length + acks.length > 0) wake();
      });
  };
  return {
    send: (message) => {
      if (broken) return;
      messages.push(message);
      if (messages.length > WAITING_MESSAGES_MAX) fail('the peer does not read its control stream');
      wake();
    },
    ack: (ack) => {
      if (broken) return;
      acks.push(ack);
      if (acks.length > WAITING_ACKS_MAX) fail('the peer does not read its control stream');
      wake();
    },
    receive: async () => {
      const frame = await readFrame(stream);
      return frame === null ? null : decodeControl(frame);
    },
    drained: async () => {
      while (writing !== null) await writing;
    },
  };
};
