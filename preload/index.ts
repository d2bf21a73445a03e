// The bridge: the node's two functions, one of the window, and nothing of Electron. It loads no package, not even the contract's schemas, since the
// other end checks names and requests anyway and this file is on the way to the first picture.
import { contextBridge, ipcRenderer } from 'electron';
import type { NodeClient, Reply } from './contract/index.ts';

/** As in main/desktop/constants.ts: one acknowledgement per so many pushes. */
const PUSH_ACKNOWLEDGE_EVERY = 64;

/** A {@link NodeClient} before anything is known of what the page hands over. */
type Bridge = { [K in keyof NodeClient]: (...args: unknown[]) => unknown };
type Listener = (payload: unknown) => void;
const listeners = new Map<string, Set<Listener>>();
let received = 0;

ipcRenderer.on('push', (_event, name: string, payload: unknown) => {
  received += 1;
  if (received % PUSH_ACKNOWLEDGE_EVERY === 0) ipcRenderer.send('acknowledge');
  for (const listener of listeners.get(name) ?? []) {
    try {
      listener(payload);
    } catch (error) {
      // A fault in one listener is the page's; the others still hear.
      queueMicrotask(() => {
        throw error;
      });
    }
  }
});

/** Texts and plain data only: what cannot be cloned is refused here, with the code that the node would use. */
const call = async (name: unknown, request: unknown): Promise<unknown> => {
  try {
    return await ipcRenderer.invoke('call', name, request);
  } catch (error) {
    if (error instanceof Error && /could not be cloned|object could not/i.test(error.message)) {
      return {
        ok: false,
        error: {
          name: 'RequestError',
          code: 'BAD_REQUEST',
          message: 'A request must be plain data; send only texts, numbers, lists and objects of them.',
        },
      } satisfies Reply<never>;
    }
    throw error;
  }
};

const subscribe = (name: unknown, listener: unknown): (() => void) => {
  if (typeof name !== 'string' || typeof listener !== 'function')
    throw new TypeError('subscribe takes the name of a push and a function.');
  let set = listeners.get(name);
  if (set === undefined) {
    listeners.set(name, (set = new Set()));
    ipcRenderer.invoke('subscribe', name).catch(() => undefined);
  }
  // Its own function object, so that one listener may subscribe twice.
  const own: Listener = (payload) => (listener as Listener)(payload);
  set.add(own);
  return () => {
    const held = listeners.get(name);
    if (held?.delete(own) !== true || held.size > 0) return;
    listeners.delete(name);
    ipcRenderer.invoke('unsubscribe', name).catch(() => undefined);
  };
};

contextBridge.exposeInMainWorld('hypermesh', Object.freeze({ call, subscribe } satisfies Bridge));

/** Asks the program to take a copied text out of the clipboard later. The page itself may not read the clipboard, and gets no answer. */
const forgetCopied = (text: unknown): void => {
  if (typeof text === 'string') ipcRenderer.send('forgetCopied', text);
};
contextBridge.exposeInMainWorld('hypermeshWindow', Object.freeze({ forgetCopied }));
