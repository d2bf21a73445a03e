import type { z } from 'zod';
import { chainCalls, chainPushes } from './chain.ts';
import { containerCalls, containerPushes } from './containers.ts';
import { hardwareCalls, hardwarePushes } from './hardware.ts';
import { identityCalls, identityPushes } from './identity.ts';
import { jobCalls, jobPushes } from './jobs.ts';
import { ledgerCalls, ledgerPushes } from './ledger.ts';
import { lendingCalls, lendingPushes } from './lending.ts';
import { networkCalls, networkPushes } from './network.ts';
import { nodeCalls, nodePushes } from './node.ts';
import { proofCalls, proofPushes } from './proof.ts';
import { rewardCalls, rewardPushes } from './rewards.ts';
import { shareCalls, sharePushes } from './share.ts';
import { tunnelCalls, tunnelPushes } from './tunnels.ts';
import { walletCalls, walletPushes } from './wallet.ts';

export * from './chain.ts';
export * from './common.ts';
export * from './containers.ts';
export * from './define.ts';
export * from './hardware.ts';
export * from './identity.ts';
export * from './jobs.ts';
export * from './ledger.ts';
export * from './lending.ts';
export * from './network.ts';
export * from './node.ts';
export * from './proof.ts';
export * from './rewards.ts';
export * from './share.ts';
export * from './tunnels.ts';
export * from './wallet.ts';

/** Every call there is. A capability that is not here does not exist. */
export const calls = {
  ...nodeCalls,
  ...hardwareCalls,
  ...shareCalls,
  ...jobCalls,
  ...identityCalls,
  ...proofCalls,
  ...chainCalls,
  ...networkCalls,
  ...lendingCalls,
  ...tunnelCalls,
  ...containerCalls,
  ...ledgerCalls,
  ...walletCalls,
  ...rewardCalls,
} as const;
/** Every push there is. */
export const pushes = {
  ...nodePushes,
  ...hardwarePushes,
  ...sharePushes,
  ...jobPushes,
  ...identityPushes,
  ...proofPushes,
  ...chainPushes,
  ...networkPushes,
  ...lendingPushes,
  ...tunnelPushes,
  ...containerPushes,
  ...ledgerPushes,
  ...walletPushes,
  ...rewardPushes,
} as const;

export type Call = keyof typeof calls;
/** A request after parsing: defaults filled in. */
export type RequestOf<C extends Call> = z.output<(typeof calls)[C]['request']>;
/** A request as a caller writes it: fields with defaults may be left out. */
export type RequestInputOf<C extends Call> = z.input<(typeof calls)[C]['request']>;
export type ResponseOf<C extends Call> = z.output<(typeof calls)[C]['response']>;
export type Push = keyof typeof pushes;
export type PayloadOf<P extends Push> = z.output<(typeof pushes)[P]['payload']>;

export const isCall = (name: unknown): name is Call => typeof name === 'string' && Object.hasOwn(calls, name);
export const isPush = (name: unknown): name is Push => typeof name === 'string' && Object.hasOwn(pushes, name);

/**
 * What the faces see of the node, whatever lies between: the preload bridge in the window, a WebSocket in a browser.
 */
export interface NodeClient {
  /** Never rejects for an expected failure: that is `ok: false` with a code. Rejects only if the connection is gone. */
  call<C extends Call>(name: C, request: RequestInputOf<C>): Promise<import('./common.ts').Reply<ResponseOf<C>>>;
  /** Calls `listener` on each push until the returned function is called. */
  subscribe<P extends Push>(name: P, listener: (payload: PayloadOf<P>) => void): () => void;
}
