import { app, type Session, shell, type WebContents } from 'electron';
import type { Logger } from '../base/index.ts';
import { isAllowedExternal, isOwnAddress } from './addresses.ts';

export interface SecurityInit {
  /** Origin of the development server, which the page is loaded from instead of the build; null in a package. */
  developmentOrigin: string | null;
}

/** What our own page may ask for: to write what it shows to the clipboard, after a click. Never to read it. */
const ALLOWED_PERMISSION = 'clipboard-sanitized-write';

/**
 * Refuses everything that a page could ask a session for: network, permissions, devices, downloads. Allowed are only
 * copying a text and saving a file that the page itself has made, each after a click; the system asks where to.
 */
export const secureSession = (session: Session, logger: Logger, { developmentOrigin }: SecurityInit): void => {
  session.setPermissionRequestHandler((contents, permission, callback, details) => {
    const allowed =
      permission === ALLOWED_PERMISSION && details.isMainFrame && isOwnAddress(contents.getURL(), developmentOrigin);
    if (!allowed) logger.warn('Permission refused', { permission });
    callback(allowed);
  });
  session.setPermissionCheckHandler(
    (contents, permission, _origin, details) =>
      // The types of Electron do not list every permission that it asks about.
      (permission as string) === ALLOWED_PERMISSION &&
      details.isMainFrame &&
      contents !== null &&
      isOwnAddress(contents.getURL(), developmentOrigin),
  );
  session.setDevicePermissionHandler(() => false);
  session.setDisplayMediaRequestHandler(null);
  session.on('will-download', (event, item, contents) => {
    const made = item.getURL().startsWith('blob:') && isOwnAddress(contents.getURL(), developmentOrigin);
    if (made && item.hasUserGesture()) return;
    event.preventDefault();
    logger.warn('Download refused');
  });
  session.setSpellCheckerEnabled(false);
  // The page has no business on the network at all: whatever CSP may miss ends here.
  session.webRequest.onBeforeRequest((details, callback) => {
    const allowed = isOwnAddress(details.url, developmentOrigin) || /^(data|blob|devtools):/.test(details.url);
    if (!allowed) logger.warn('Request of the page refused', { scheme: URL.parse(details.url)?.protocol ?? 'none' });
    callback({ cancel: !allowed });
  });
};

const secureContents = (contents: WebContents, logger: Logger, { developmentOrigin }: SecurityInit): void => {
  const refuseForeign = (event: { preventDefault(): void; url: string }): void => {
    if (isOwnAddress(event.url, developmentOrigin)) return;
    event.preventDefault();
    logger.warn('Navigation refused');
  };
  contents.on('will-navigate', refuseForeign);
  contents.on('will-redirect', refuseForeign);
  // The page has no frames; whatever makes one is not ours.
  contents.on('will-frame-navigate', (event) => {
    if (event.isMainFrame) refuseForeign(event);
    else event.preventDefault();
  });
  contents.on('will-attach-webview', (event) => event.preventDefault());
  contents.setWindowOpenHandler(({ url }) => {
    if (isAllowedExternal(url)) {
      shell.openExternal(url).catch((error: unknown) => logger.warn('Link not opened', { error }));
    } else {
      logger.warn('New window refused');
    }
    return { action: 'deny' };
  });
};

/** Puts every page that will ever be made under the same rules. Call once, before the first window. */
export const securePages = (logger: Logger, init: SecurityInit): void => {
  app.on('web-contents-created', (_event, contents) => secureContents(contents, logger, init));
  app.on('certificate-error', (event, _contents, _url, _error, _certificate, callback) => {
    event.preventDefault();
    callback(false);
  });
  app.on('login', (event, _contents, _details, _info, callback) => {
    event.preventDefault();
    callback();
  });
};
