import { createSystemOutside } from '../../../../../main/base/index.ts';
import { createMemoryNetwork } from '../../../../../main/transport/stoq/carriers/memory/create-memory-network.ts';
import type { Address } from '../../../../../main/transport/stoq/interface.ts';
import { describeCarrier } from '../../../../compliance/stoq-carrier.ts';

/** Short, so that dials that must fail do so soon. */
const DIAL_MS = 1_000;

describeCarrier(
  'memory',
  async () => {
    const network = createMemoryNetwork({ outside: createSystemOutside() }, { dialMs: DIAL_MS });
    network.carrier('silent');
    network.setUp('silent', false);
    return {
      dialler: network.carrier('dialler'),
      listener: network.carrier('listener'),
      listenAt: '/memory/listener' as Address,
      nobodyAt: '/memory/nobody' as Address,
      silentAt: '/memory/silent' as Address,
      dialMsMax: 2 * DIAL_MS,
      stop: () => Promise.resolve(),
    };
  },
  { bulkBytes: 50_000_000 },
);
