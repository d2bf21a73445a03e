import { cidOf, encodeCbor } from './codec.ts';
import type { Random } from './outside.ts';

/** `asset:<kind>:<cid of the registration record>`. */
export type AssetId = string & { readonly __brand: 'AssetId' };
/** `alloc-` and 16 characters of base 36. */
export type AllocationId = string & { readonly __brand: 'AllocationId' };
/** `job-` and 16 characters of base 36. */
export type JobId = string & { readonly __brand: 'JobId' };

const ASSET_ID = /^asset:[a-z]{2,16}:b[a-z2-7]{58}$/;
const ALLOCATION_ID = /^alloc-[0-9a-z]{16}$/;
const JOB_ID = /^job-[0-9a-z]{16}$/;

/** @returns the id, or null when the text is not one */
export const parseAssetId = (text: string): AssetId | null => (ASSET_ID.test(text) ? (text as AssetId) : null);
export const parseAllocationId = (text: string): AllocationId | null =>
  ALLOCATION_ID.test(text) ? (text as AllocationId) : null;
export const parseJobId = (text: string): JobId | null => (JOB_ID.test(text) ? (text as JobId) : null);

/** @param record - the registration record; its dag-cbor bytes are what the id names */
export const assetIdOf = (kind: string, record: unknown): AssetId =>
  `asset:${kind}:${cidOf(encodeCbor(record))}` as AssetId;

/** 16 characters of base 36 carry 82 bits: no two alike in the life of any node. */
const randomTail = (random: Random): string => Array.from({ length: 16 }, () => random.below(36).toString(36)).join('');
export const newAllocationId = (random: Random): AllocationId => `alloc-${randomTail(random)}` as AllocationId;
export const newJobId = (random: Random): JobId => `job-${randomTail(random)}` as JobId;
