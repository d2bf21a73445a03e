import type { Clock } from '../../base/index.ts';
import { createRateGate } from '../../transport/stoq/index.ts';
import type { Limit } from './interface.ts';

/** A token bucket per direction, as the one that holds the whole node to its owner's limits. */
export const createLimit = ({ clock }: { clock: Clock }, init: { bytesPerSecond: number | null }): Limit => {
  let rate = init.bytesPerSecond;
  const gate = createRateGate({ clock }, { sendBytesPerSecond: rate, receiveBytesPerSecond: rate });
  return {
    send: (bytes) => gate.send(bytes),
    receive: (bytes) => gate.receive(bytes),
    setRate: (next) => {
      rate = next;
      gate.setRates({ sendBytesPerSecond: rate, receiveBytesPerSecond: rate });
    },
    get bytesPerSecond() {
      return rate;
    },
    stop: () => gate.stop(),
  };
};
