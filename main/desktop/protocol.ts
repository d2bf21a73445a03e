import { protocol, type Session } from 'electron';
import { PAGE_SCHEME } from './constants.ts';
import { answerPageRequest } from './page-files.ts';

/**
 * Gives the page's scheme the rights of an https origin (WebGPU and modules need a secure context) and nothing more.
 * Must run before Electron is ready.
 */
export const registerPageScheme = (): void => {
  protocol.registerSchemesAsPrivileged([
    { scheme: PAGE_SCHEME, privileges: { standard: true, secure: true, supportFetchAPI: true, codeCache: true } },
  ]);
};

/** Serves the built page in `folder` to one session. */
export const servePage = (session: Session, folder: string): void => {
  session.protocol.handle(PAGE_SCHEME, async (request) => {
    const { status, headers, body } = await answerPageRequest(folder, request.method, request.url);
    return new Response(typeof body === 'string' ? body : new Uint8Array(body), { status, headers });
  });
};
