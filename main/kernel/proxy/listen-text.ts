import { isIPv6 } from 'node:net';

/** As programs take it: `[::1]:8080`, `127.0.0.1:8080`. */
export const listenText = ({ host, port }: { host: string; port: number }): string =>
  isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
