export { createDesktop, type Desktop, type DesktopComponents, type DesktopInit } from './desktop.ts';
export { createEarlyLogger, type EarlyLogger } from './early-logger.ts';
export { STOP_DEADLINE_MS } from './constants.ts';
export { DesktopError } from './errors.ts';
export { createKeyStore } from './key-store.ts';
export { registerPageScheme } from './protocol.ts';
