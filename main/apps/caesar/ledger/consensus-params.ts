import { decodeCbor } from '../../../base/index.ts';
import { type ConsensusParams, PARAM_BOUNDS } from '../../../kernel/consensus/index.ts';
import { Refusal } from './refusal.ts';

/** Of the state. */
export const decodeConsensusParams = (value: Uint8Array): ConsensusParams => decodeCbor(value) as ConsensusParams;

/** @throws {Refusal} `PARAMS_INVALID` */
export const changeConsensusParams = (params: ConsensusParams, changes: unknown): ConsensusParams => {
  if (typeof changes !== 'object' || changes === null || Array.isArray(changes) || changes instanceof Uint8Array)
    throw new Refusal('PARAMS_INVALID', 'The parameters of the agreement do not hold: they are not a map.');
  const changed: Record<string, number> = {};
  for (const [name, value] of Object.entries(changes as Record<string, unknown>)) {
    if (!Object.hasOwn(PARAM_BOUNDS, name))
      throw new Refusal('PARAMS_INVALID', `The agreement has no parameter ${name.slice(0, 40)}.`);
    const [min, max] = PARAM_BOUNDS[name as keyof ConsensusParams];
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max)
      throw new Refusal('PARAMS_INVALID', `${name} is no whole number from ${min} to ${max}.`);
    changed[name] = value;
  }
  return { ...params, ...changed };
};
