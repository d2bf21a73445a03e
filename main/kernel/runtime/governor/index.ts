import type { Clock, Logger } from '../../../base/index.ts';
import { createCgroupGovernor } from './cgroup.ts';
import { createDutyCycleGovernor } from './duty-cycle.ts';
import type { CpuGovernor, GovernorKind } from './interface.ts';

export type { CpuGovernor, CpuHold, GovernedProcess, GovernorKind } from './interface.ts';
export { createCgroupGovernor } from './cgroup.ts';
export { createDutyCycleGovernor } from './duty-cycle.ts';

/** Where processes can be neither stopped nor put under a quota: jobs of a whole core run as they are. */
const ungoverned: CpuGovernor = {
  kind: 'none',
  probe: async () => true,
  govern: () => ({ kind: 'none', setMillicores: () => undefined, begin: () => undefined, release: () => undefined }),
  close: () => undefined,
};

/**
 * The best governor that works on this system, found out by trying.
 *
 * @param allowed - kinds to try, for tests and for an owner whose kernel misbehaves
 */
export const chooseGovernor = async (
  components: { clock: Clock; logger: Logger; platform: NodeJS.Platform },
  allowed: readonly GovernorKind[],
): Promise<CpuGovernor> => {
  const dutyCycle = createDutyCycleGovernor(components);
  const cgroup = createCgroupGovernor({ ...components, fallback: dutyCycle });
  for (const governor of [cgroup, dutyCycle])
    if (allowed.includes(governor.kind) && (await governor.probe())) return governor;
  return ungoverned;
};
