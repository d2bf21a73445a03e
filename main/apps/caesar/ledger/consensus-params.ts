import { decodeCbor } from '../../../base/index.ts';
import type { ConsensusParams } from '../../../kernel/consensus/interface.ts';
import { Refusal } from './refusal.ts';

/** What an admin may set them to: within what every replica can do. docs/formats/genesis.md */
const BOUNDS: Readonly<Record<keyof ConsensusParams, readonly [number, number]>> = {
  blockBytesMax: [16 * 1024, 4 * 1024 * 1024],
  transactionsMax: [1, 16_384],
  heartbeatMs: [100, 24 * 3_600_000],
  proposeMs: [10, 600_000],
  voteMs: [10, 600_000],
  growMs: [1, 60_000],
  commitMs: [0, 60_000],
  clockAheadMs: [10, 3_600_000],
  evidenceBlocksMax: [1, 10_000_000],
};
/** Of the state. */
export const decodeConsensusParams = (value: Uint8Array): ConsensusParams => decodeCbor(value) as ConsensusParams;

/** @throws {Refusal} `PARAMS_INVALID` */
export const changeConsensusParams = (params: ConsensusParams, changes: unknown): ConsensusParams => {
  if (typeof changes !== 'object' || changes === null || Array.isArray(changes) || changes instanceof Uint8Array)
    throw new Refusal('PARAMS_INVALID', 'The parameters of the agreement do not hold: they are not a map.');
  const changed: Record<string, number> = {};
  for (const [name, value] of Object.entries(changes as Record<string, unknown>)) {
    if (!Object.hasOwn(BOUNDS, name))
      throw new Refusal('PARAMS_INVALID', `The agreement has no parameter ${name.slice(0, 40)}.`);
    const [min, max] = BOUNDS[name as keyof ConsensusParams];
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max)
      throw new Refusal('PARAMS_INVALID', `${name} is no whole number from ${min} to ${max}.`);
    changed[name] = value;
  }
  return { ...params, ...changed };
};
