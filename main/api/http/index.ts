export { HttpError } from './errors.ts';
export { openApiDocument } from './openapi.ts';
export { createHttpServer, type HttpServer, type HttpServerComponents, type HttpServerInit } from './server.ts';
export { statusOf } from './status-codes.ts';
export { MESSAGE_BYTES_MAX, TOKEN_BYTES } from './constants.ts';
