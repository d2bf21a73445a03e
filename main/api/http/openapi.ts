import { z } from 'zod';
import {
  type Call,
  type CallDefinition,
  callError,
  calls,
  commonErrorCodes,
  pushes,
} from '../../../preload/contract/index.ts';
import { statusOf } from './status-codes.ts';

type Schema = Record<string, unknown> & { properties?: Record<string, unknown>; required?: string[] };

/** @param io - `input`: fields with defaults may be left out; `output`: they are there */
const schemaOf = (schema: z.ZodType, io: 'input' | 'output'): Schema => {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Schema;
  return rest;
};

const pathFieldsOf = (path: string): string[] => [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '');

const operationOf = (name: Call, call: CallDefinition): Record<string, unknown> => {
  const request = schemaOf(call.request, 'input');
  const inPath = new Set(pathFieldsOf(call.path));
  const required = new Set(request.required);
  const fields = Object.entries(request.properties ?? {});
  const inQuery = call.method === 'GET' || call.method === 'DELETE';
  const parameters = fields
    .filter(([field]) => inPath.has(field) || inQuery)
    .map(([field, schema]) => ({
      name: field,
      in: inPath.has(field) ? 'path' : 'query',
      required: inPath.has(field) || required.has(field),
      schema,
    }));
  const bodyFields = fields.filter(([field]) => !inPath.has(field));
  const codes = [...(call.errors ?? []), ...commonErrorCodes];
  const byStatus = Map.groupBy(codes, (code) => String(statusOf(code)));
  return {
    operationId: name.replace(':', '_'),
    summary: call.summary,
    tags: [name.slice(0, name.indexOf(':'))],
    parameters,
    ...(!inQuery && {
      requestBody: {
        required: bodyFields.some(([field]) => required.has(field)),
        content: {
          'application/json': {
            schema: {
              type: 'object',
              properties: Object.fromEntries(bodyFields),
              required: bodyFields.map(([field]) => field).filter((field) => required.has(field)),
              additionalProperties: false,
            },
          },
        },
      },
    }),
    responses: {
      '200': { description: 'Done', content: { 'application/json': { schema: schemaOf(call.response, 'output') } } },
      ...Object.fromEntries(
        [...byStatus].map(([status, all]) => [
          status,
          {
            description: all.join(', '),
            content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
          },
        ]),
      ),
    },
    'x-hypermesh-call': name,
    ...(call.cli !== undefined && { 'x-hypermesh-command': `hypermesh ${call.cli.command}` }),
  };
};

/** The API as OpenAPI 3.1 describes it, made from the contract alone. Pushes stand under `x-hypermesh-pushes`. */
export const openApiDocument = (version: string, serverUrl: string): Record<string, unknown> => {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [name, call] of Object.entries(calls) as [Call, CallDefinition][])
    (paths[call.path] ??= {})[call.method.toLowerCase()] = operationOf(name, call);
  return {
    openapi: '3.1.0',
    info: {
      title: 'HyperMesh',
      version,
      summary: 'The node on this machine',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: serverUrl.replace(/\/$/, '') }],
    security: [{ token: [] }],
    tags: [...new Set(Object.keys(calls).map((name) => name.slice(0, name.indexOf(':'))))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          description: 'New at every start of the node; `hypermesh status` shows it.',
        },
      },
      schemas: {
        Error: {
          type: 'object',
          properties: { error: schemaOf(callError, 'output') },
          required: ['error'],
          additionalProperties: false,
        },
      },
    },
    'x-hypermesh-pushes': Object.fromEntries(
      Object.entries(pushes).map(([name, { summary, payload }]) => [
        name,
        { summary, payload: schemaOf(payload, 'output') },
      ]),
    ),
  };
};
