import { isNodeError, type Logger, messageOf, type WorkerPool } from '../../../base/index.ts';
import type { Reading } from '../../../../preload/contract/index.ts';
import { known, unknown } from '../../monitor/index.ts';
import { type FactAnswer, type FactName, type Facts, readFacts } from './facts-task.ts';

export interface FactsComponents {
  logger: Logger;
  workers?: WorkerPool | undefined;
}

/**
 * One fact from `systeminformation`, read in a worker thread when there is a pool.
 *
 * @throws the signal's reason when aborted; anything else comes back as unknown
 */
export const askFact = async <N extends FactName>(
  components: FactsComponents,
  name: N,
  signal?: AbortSignal,
): Promise<Reading<Facts[N]>> => {
  signal?.throwIfAborted();
  try {
    const answer = (await (components.workers === undefined
      ? readFacts(name)
      : components.workers.run('hardware.facts', name, signal === undefined ? {} : { signal }))) as FactAnswer<N>;
    signal?.throwIfAborted();
    return answer.ok ? known(answer.value) : unknown(answer.reason);
  } catch (error) {
    if (signal?.aborted === true) throw error;
    // A full queue or a thread that ended: the part of the inventory is unknown, the rest goes on.
    if (!isNodeError(error)) throw error;
    components.logger.warn('Hardware fact could not be read', { fact: name, error: messageOf(error) });
    return unknown(`the system could not be asked: ${messageOf(error)}`);
  }
};
