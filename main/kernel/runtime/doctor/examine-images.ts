import { isNodeError } from '../../../base/index.ts';
import type { Holders } from '../drivers/container/holder/interface.ts';
import type { Images } from '../images/interface.ts';
import { sizeText, type Finding } from './examined.ts';

export const examineImages = async (images: Pick<Images, 'state'>): Promise<Finding> => {
  const { usedBytes, policy, problem, images: all } = await images.state();
  if (problem !== '') return { result: 'skipped', sentence: `Not looked at: ${problem}` };
  const ours = all.filter((image) => image.ours).length;
  const sentence = `${ours === 1 ? 'One image' : `${ours} images`} that jobs brought take ${sizeText(usedBytes)} of ${sizeText(policy.quotaBytes)}.`;
  if (usedBytes <= policy.quotaBytes) return { result: 'good', sentence };
  return {
    result: 'warning',
    problem: 'over',
    sentence,
    fix: 'Remove those that no job has used for longest, or give them more room.',
    fixable: true,
  };
};

/** Removes images that jobs brought and none runs in, those not used for longest first, until the rest fits. @returns how many went */
export const removeOverQuota = async (images: Pick<Images, 'state' | 'remove'>): Promise<number> => {
  const { usedBytes, policy, images: all } = await images.state();
  let over = usedBytes - policy.quotaBytes;
  let removed = 0;
  const unused = all.filter(({ ours, jobs }) => ours && jobs === 0);
  for (const { id, ownBytes } of unused.toSorted((a, b) => (a.usedAtMs ?? 0) - (b.usedAtMs ?? 0))) {
    if (over <= 0) break;
    try {
      await images.remove(id);
    } catch (error) {
      // A job began to run in it meanwhile, or it went by itself.
      if (!isNodeError(error)) throw error;
      continue;
    }
    over -= ownBytes;
    removed += 1;
  }
  return removed;
};

/** Whether what keeps a job's files can be made. */
export const examineHolder = async (holders: Pick<Holders, 'ensureImage'>): Promise<Finding> => {
  try {
    await holders.ensureImage();
    return { result: 'good', sentence: 'What keeps the files of a job and its way out is ready in the engine.' };
  } catch (error) {
    if (!isNodeError(error)) throw error;
    return {
      result: 'bad',
      problem: error.code,
      sentence: `What keeps the files of a job cannot be made: ${error.message}`,
      fix: 'Install the app again; from the source, build it with gcc installed.',
    };
  }
};
