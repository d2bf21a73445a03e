import { decodeCbor, encodeCbor, parseJobId } from '../../../../base/index.ts';
import { type EngineNames, NAME_PREFIX } from './names.ts';

const VERSION = 1;
const ITEMS_MAX = 16;
const NAME = new RegExp(`^${NAME_PREFIX}[a-z0-9-]{1,80}$`);

/** What a later life of the node finds a job by; docs/formats/engine-objects.md. */
export const encodeRecord = ({ container, holder, volume, holderJob }: EngineNames): Uint8Array =>
  encodeCbor({ version: VERSION, container, holder, volume, holderJob });

/** @returns null when it is none of ours, or of a version that is not known */
export const decodeRecord = (record: Uint8Array): EngineNames | null => {
  try {
    const value = decodeCbor(record, ITEMS_MAX);
    if (typeof value !== 'object' || value === null) return null;
    const { version, container, holder, volume, holderJob } = value as Record<string, unknown>;
    const isName = (name: unknown): name is string => typeof name === 'string' && NAME.test(name);
    const maker = typeof holderJob === 'string' ? parseJobId(holderJob) : null;
    if (version !== VERSION || !isName(container) || !isName(holder) || !isName(volume) || maker === null) return null;
    return { container, holder, volume, holderJob: maker };
  } catch {
    return null;
  }
};
