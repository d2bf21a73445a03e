import { type IpcMainInvokeEvent, ipcMain, type WebContents, type WebFrameMain } from 'electron';
import type { Dispatcher } from '../api/interface.ts';
import type { Logger } from '../base/index.ts';
import { isPush, type Push, type Reply } from '../../preload/contract/index.ts';
import { isOwnAddress } from './addresses.ts';
import { CALLS_IN_FLIGHT_MAX, PUSH_ACKNOWLEDGE_EVERY, PUSHES_IN_FLIGHT_MAX } from './constants.ts';
import type { CopiedText } from './copied-text.ts';

/** The bridge's other end. The only file that touches `ipcMain`. */
export interface Ipc {
  /** From now on this page may call and subscribe; until it goes, navigates or is told otherwise. */
  admit(contents: WebContents): void;
  close(): void;
}
export interface IpcComponents {
  /** Resolves when the node can be asked. Calls that come earlier wait for it. */
  dispatcher: Promise<Dispatcher>;
  /** What the page copied and wants forgotten. */
  copiedText: Pick<CopiedText, 'forget'>;
  logger: Logger;
}
export interface IpcInit {
  developmentOrigin: string | null;
}

/** What we keep for one page. */
interface Page {
  subscriptions: Map<Push, () => void>;
  pushesInFlight: number;
  pushesLost: boolean;
  callsInFlight: number;
}

const caller = { face: 'window' } as const;
const refuse = (code: string, message: string): Reply<never> => ({
  ok: false,
  error: { name: 'DesktopError', code, message },
});

export const createIpc = ({ dispatcher, copiedText, logger }: IpcComponents, { developmentOrigin }: IpcInit): Ipc => {
  const pages = new Map<WebContents, Page>();
  // A node that cannot start is told to the owner by the entry; here it only means that no call is ever answered.
  dispatcher.catch(() => undefined);

  const endSubscriptions = (page: Page): void => {
    for (const end of page.subscriptions.values()) end();
    page.subscriptions.clear();
    page.pushesInFlight = 0;
    page.pushesLost = false;
  };

  /** The page that an event comes from, if it is the top frame of one that we admitted, at an address of ours. */
  const senderOf = (event: { sender: WebContents; senderFrame: WebFrameMain | null }): Page | null => {
    const page = pages.get(event.sender);
    const frame = event.senderFrame;
    if (page === undefined || frame === null || frame !== event.sender.mainFrame) return null;
    return isOwnAddress(frame.url, developmentOrigin) ? page : null;
  };
  const stranger = (): Reply<never> => {
    logger.warn('Message from an unknown sender refused');
    return refuse('UNAUTHORIZED', 'Only the window of this app may ask; open the app itself.');
  };

  const onCall = async (event: IpcMainInvokeEvent, ...args: unknown[]): Promise<Reply<unknown>> => {
    const page = senderOf(event);
    if (page === null) return stranger();
    if (args.length !== 2) return refuse('BAD_REQUEST', 'A call has a name and a request; send both and nothing else.');
    if (page.callsInFlight >= CALLS_IN_FLIGHT_MAX) {
      return refuse('BAD_REQUEST', `More than ${CALLS_IN_FLIGHT_MAX} calls are waiting; wait for some of them first.`);
    }
    page.callsInFlight += 1;
    try {
      return await (await dispatcher).callUnknown(args[0], args[1], caller);
    } catch {
      return refuse('STOPPING', 'The node is not running; start the app again.');
    } finally {
      page.callsInFlight -= 1;
    }
  };

  const push = (contents: WebContents, page: Page, name: Push, payload: unknown): void => {
    if (contents.isDestroyed()) return;
    if (page.pushesInFlight >= PUSHES_IN_FLIGHT_MAX) {
      if (!page.pushesLost) logger.warn('The page does not read; pushes are dropped until it does');
      page.pushesLost = true;
      return;
    }
    page.pushesInFlight += 1;
    contents.send('push', name, payload);
  };

  const onSubscribe = async (event: IpcMainInvokeEvent, ...args: unknown[]): Promise<Reply<null>> => {
    const page = senderOf(event);
    if (page === null) return stranger();
    const [name] = args;
    if (args.length !== 1 || !isPush(name))
      return refuse('BAD_REQUEST', 'There is no push of that name; see the contract for those there are.');
    // The page holds one subscription per name, so the contract's list of names is the bound.
    if (page.subscriptions.has(name)) return { ok: true, value: null };
    let ended = false;
    page.subscriptions.set(name, () => {
      ended = true;
    });
    try {
      const ready = await dispatcher;
      // Unsubscribed, or the page gone, while the node was starting.
      if (ended) return { ok: true, value: null };
      page.subscriptions.set(
        name,
        ready.subscribe(name, (payload) => push(event.sender, page, name, payload)),
      );
      return { ok: true, value: null };
    } catch {
      return refuse('STOPPING', 'The node is not running; start the app again.');
    }
  };

  const onUnsubscribe = (event: IpcMainInvokeEvent, ...args: unknown[]): Reply<null> => {
    const page = senderOf(event);
    if (page === null) return stranger();
    const [name] = args;
    if (args.length !== 1 || !isPush(name))
      return refuse('BAD_REQUEST', 'There is no push of that name; see the contract for those there are.');
    page.subscriptions.get(name)?.();
    page.subscriptions.delete(name);
    return { ok: true, value: null };
  };

  ipcMain.handle('call', onCall);
  ipcMain.handle('subscribe', onSubscribe);
  ipcMain.handle('unsubscribe', onUnsubscribe);
  ipcMain.on('forgetCopied', (event, ...args: unknown[]) => {
    if (senderOf(event) !== null && args.length === 1) copiedText.forget(args[0]);
  });
  ipcMain.on('acknowledge', (event) => {
    const page = senderOf(event);
    if (page === null) return;
    page.pushesInFlight = Math.max(0, page.pushesInFlight - PUSH_ACKNOWLEDGE_EVERY);
    if (page.pushesLost && page.pushesInFlight === 0) {
      // It reads again but has missed things: only a fresh start makes it right.
      page.pushesLost = false;
      event.sender.reload();
    }
  });

  return {
    admit(contents) {
      const page: Page = { subscriptions: new Map(), pushesInFlight: 0, pushesLost: false, callsInFlight: 0 };
      pages.set(contents, page);
      contents.on('did-navigate', () => endSubscriptions(page));
      contents.on('render-process-gone', () => endSubscriptions(page));
      contents.once('destroyed', () => {
        endSubscriptions(page);
        pages.delete(contents);
      });
    },
    close() {
      for (const name of ['call', 'subscribe', 'unsubscribe']) ipcMain.removeHandler(name);
      for (const name of ['acknowledge', 'forgetCopied']) ipcMain.removeAllListeners(name);
      for (const page of pages.values()) endSubscriptions(page);
      pages.clear();
    },
  };
};
