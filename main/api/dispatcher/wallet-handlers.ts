import type { Caesar } from '../../apps/caesar/index.ts';
import type { Wallet } from '../../apps/satchel/index.ts';
import type { Call } from '../../../preload/contract/index.ts';
import type { Caller } from '../interface.ts';
import { defined } from './defined.ts';
import type { Handlers } from './handler-map.ts';

export interface WalletHandlerComponents {
  wallet: Wallet;
  caesar: Caesar;
}
type WalletCall = Extract<Call, `${'wallet' | 'rewards'}:${string}`>;

/** Only what came through the window's own bridge may be answered by the program's dialog. */
const faceOf = ({ face }: Caller): 'window' | 'api' => (face === 'window' ? 'window' : 'api');

export const createWalletHandlers = ({ wallet, caesar }: WalletHandlerComponents): Pick<Handlers, WalletCall> => {
  /** Whoever asks for something that a person does is there: the time until it locks begins again. */
  const used = <T>(answer: T): T => {
    wallet.touch();
    return answer;
  };
  return {
    // Faces read this by themselves, whenever it changes: nobody need be there.
    'wallet:get': () => wallet.view(),
    'wallet:addAccount': (request) => used(wallet.addAccount(request)),
    'wallet:rename': ({ account, name }) => used(wallet.rename(account, name)),
    'wallet:removeAccount': ({ account }) => used(wallet.removeAccount(account)),
    'wallet:history': (query) => wallet.history(query),
    'wallet:exportHistory': ({ account }) => used(wallet.exportHistory(account)),
    'wallet:draft': (request) => used(wallet.draft(request)),
    'wallet:approve': ({ draft, passphrase }, caller) =>
      used(wallet.approve(draft, { face: faceOf(caller), passphrase })),
    'wallet:settled': ({ transaction }) => wallet.settled(transaction),
    'wallet:verifyMessage': ({ file }) => wallet.verifyMessage(new Uint8Array(Buffer.from(file, 'base64'))),
    'wallet:contacts': () => ({ contacts: wallet.contacts() }),
    'wallet:setContact': async (contact) => used({ contacts: await wallet.setContact(contact) }),
    'wallet:removeContact': async ({ address }) => used({ contacts: await wallet.removeContact(address) }),
    'wallet:requests': async () => ({ requests: await wallet.requests() }),
    'wallet:request': (request) => used(wallet.request(request)),
    'wallet:removeRequest': async ({ id }) => used({ requests: await wallet.removeRequest(id) }),
    'wallet:set': (change) => used(wallet.set(defined(change))),

    'rewards:get': ({ period, resource }) => caesar.rewards({ period, resource: resource ?? null }),
    'rewards:explain': ({ id }) => caesar.explain(id),
    'rewards:funnel': ({ resource }) => caesar.funnel(resource),
    'rewards:forecast': () => caesar.forecast(),
    'rewards:setElectricity': (electricity) => caesar.setElectricity(electricity),
  };
};
