import { createRequire } from 'node:module';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type Docker from 'dockerode';

/**
 * What `dockerode` loads, in an order in which no single step takes longer than 30 ms (measured, cold; all at once 170 to 210 ms
 * in which nothing else of the node would run). Each entry is a chain of packages: who asks for whom. One that another version of a
 * package does not have is left out: it is loaded with the rest then.
 */
const STEPS: readonly (readonly string[])[] = [
  ['http2'],
  ['tweetnacl'],
  ['docker-modem', 'readable-stream'],
  ['docker-modem', 'ssh2', './protocol/constants.js'],
  ['docker-modem', 'ssh2', './protocol/keyParser.js'],
  ['docker-modem', 'ssh2', './protocol/kex.js'],
  ['docker-modem', 'ssh2', './protocol/SFTP.js'],
  ['docker-modem', 'ssh2', './protocol/Protocol.js'],
  ['docker-modem', 'ssh2'],
  ['docker-modem'],
  ['protobufjs', './src/util/minimal.js'],
  ['protobufjs', './src/index-light.js'],
  ['protobufjs'],
  ['protobufjs/ext/descriptor'],
  ['@grpc/proto-loader'],
  ['@grpc/grpc-js', './constants.js'],
  ['@grpc/grpc-js', './channel-credentials.js'],
  ['@grpc/grpc-js', './subchannel.js'],
  ['@grpc/grpc-js', './server.js'],
  ['@grpc/grpc-js'],
  ['./session'],
  ['./container'],
];

/** Loads the engine's client without holding the thread: a part, then whatever else waits, then the next part. */
export const loadClient = async (): Promise<typeof Docker> => {
  const own = createRequire(import.meta.url);
  for (const chain of STEPS) {
    try {
      let from = createRequire(own.resolve('dockerode'));
      for (const name of chain.slice(0, -1)) from = createRequire(from.resolve(name));
      from(chain[chain.length - 1]!);
    } catch {
      // Loaded with the rest below, which tells what is wrong if anything is.
    }
    await nextTurn();
  }
  return (await import('dockerode')).default;
};
