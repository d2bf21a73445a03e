export { createDispatcher, callErrorOf, type DispatcherComponents, type DispatcherInit } from './dispatcher.ts';
export { InternalError, RequestError } from './errors.ts';
export { parseRequest } from './request.ts';
