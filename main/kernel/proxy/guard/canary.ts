import { type AddressInfo, type Server, createServer } from 'node:net';

/** Services of this machine that nobody has any business with: whoever connects came through a hole. */
export interface Canary {
  /** Where they listen, `127.0.0.1` first. */
  readonly places: readonly { host: string; port: number }[];
  /** Connections so far. */
  hits(): number;
  close(): Promise<void>;
}
const listen = (server: Server, host: string, wanted: number): Promise<number | null> =>
  new Promise((resolve) => {
    server.once('error', () => resolve(null));
    server.listen({ host, port: wanted }, () => resolve((server.address() as AddressInfo).port));
  });
/** Opens one at each loopback address that the machine has. */
export const openCanary = async (): Promise<Canary> => {
  let hits = 0;
  const servers: Server[] = [];
  const places: { host: string; port: number }[] = [];
  for (const host of ['127.0.0.1', '::1']) {
    const server = createServer((socket) => {
      hits += 1;
      socket.on('error', () => undefined);
      socket.destroy();
    });
    // One port for both halves what there is to be tried; it is free almost always.
    const port = await listen(server, host, places[0]?.port ?? 0);
    if (port === null) continue;
    servers.push(server);
    places.push({ host, port });
  }
  return {
    places,
    hits: () => hits,
    close: async () => {
      await Promise.all(
        servers.map(
          (server) =>
            new Promise<void>((resolve) => {
              server.close(() => resolve());
            }),
        ),
      );
    },
  };
};
