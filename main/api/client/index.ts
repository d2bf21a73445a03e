export type * from './interface.ts';
export { ClientError } from './errors.ts';
export { createHttpClient } from './http-client.ts';
