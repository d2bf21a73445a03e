import { isNodeError } from '../../../base/index.ts';
import { type Stream, writeMessage } from '../../../transport/stoq/index.ts';
import { QUEUE_BYTES_MAX, QUEUE_COUNT_MAX } from './constants.ts';

/** Messages on their way to one peer: in order, no faster than it reads, and no more than fit. */
export interface SendQueue {
  /** @returns false when it was dropped */
  push(message: Uint8Array): boolean;
  end(): void;
}

/** @param onEnd - called once, when nothing can be sent any more */
export const createSendQueue = (stream: Stream, onEnd: () => void): SendQueue => {
  const waiting: Uint8Array[] = [];
  let bytes = 0;
  let isWriting = false;
  let isEnded = false;

  const end = (): void => {
    if (isEnded) return;
    isEnded = true;
    waiting.length = 0;
    stream.reset();
    onEnd();
  };
  const write = async (): Promise<void> => {
    if (isWriting) return;
    isWriting = true;
    try {
      for (let message = waiting[0]; message !== undefined && !isEnded; message = waiting[0]) {
        await writeMessage(stream, message);
        waiting.shift();
        bytes -= message.length;
      }
    } catch (error) {
      if (!isNodeError(error)) throw error;
      end();
    } finally {
      isWriting = false;
    }
  };
  return {
    push: (message) => {
      if (isEnded || waiting.length >= QUEUE_COUNT_MAX || bytes + message.length > QUEUE_BYTES_MAX) return false;
      waiting.push(message);
      bytes += message.length;
      void write();
      return true;
    },
    end,
  };
};
