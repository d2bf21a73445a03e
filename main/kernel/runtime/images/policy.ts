import type { Settings } from '../../../base/index.ts';
import type { ImagePolicy } from '../../../../preload/contract/index.ts';
import { ALLOWED_CHARACTERS_MAX, ALLOWED_MAX, QUOTA_BYTES } from './constants.ts';
import { matchesPattern } from './reference.ts';

const SETTING = 'images.policy';
/** What runs in an image is walled off in the same way whoever made it, so borrowers may bring theirs until the owner says otherwise. */
const DEFAULT: ImagePolicy = { quotaBytes: QUOTA_BYTES, allowed: [], others: 'all' };

const isPolicy = (value: unknown): value is ImagePolicy => {
  const { quotaBytes, allowed, others } = (value ?? {}) as Partial<Record<keyof ImagePolicy, unknown>>;
  return (
    typeof quotaBytes === 'number' &&
    Number.isSafeInteger(quotaBytes) &&
    quotaBytes >= 0 &&
    Array.isArray(allowed) &&
    allowed.length <= ALLOWED_MAX &&
    allowed.every((one) => typeof one === 'string' && one.length > 0 && one.length <= ALLOWED_CHARACTERS_MAX) &&
    (others === 'refused' || others === 'own' || others === 'all')
  );
};

/** The strictest there is, for what cannot be read: nothing but the owner's say brings an image in. */
const CLOSED: ImagePolicy = { quotaBytes: QUOTA_BYTES, allowed: [], others: 'refused' };

export const readPolicy = async (settings: Settings): Promise<{ policy: ImagePolicy; damaged: boolean }> => {
  const stored = await settings.get(SETTING);
  if (stored === undefined) return { policy: DEFAULT, damaged: false };
  return isPolicy(stored) ? { policy: stored, damaged: false } : { policy: CLOSED, damaged: true };
};
/** @throws {StoreError} */
export const writePolicy = async (settings: Settings, policy: ImagePolicy): Promise<void> => {
  const { quotaBytes, allowed, others } = policy;
  await settings.set(SETTING, { quotaBytes, allowed: [...allowed], others });
};
export const isAllowed = (policy: ImagePolicy, names: readonly string[]): boolean =>
  policy.allowed.some((pattern) => names.some((name) => matchesPattern(pattern, name)));
