import { describe, expect, it } from 'vitest';
import { type CallDefinition, calls, pushes } from '../../../../preload/contract/index.ts';
import { openApiDocument } from '../../../../main/api/http/index.ts';

type Operation = {
  operationId: string;
  summary: string;
  parameters: { name: string; in: string; required: boolean; schema: object }[];
  requestBody?: {
    required: boolean;
    content: {
      'application/json': { schema: { type: string; properties: Record<string, object>; required: string[] } };
    };
  };
  responses: Record<string, { description: string; content: { 'application/json': { schema: object } } }>;
};
const document = openApiDocument('1.2.3', 'http://[::1]:9470/') as {
  openapi: string;
  info: { title: string; version: string };
  servers: { url: string }[];
  security: Record<string, string[]>[];
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, object>; securitySchemes: Record<string, { type: string; scheme: string }> };
  'x-hypermesh-pushes': Record<string, object>;
};
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
);

describe('the OpenAPI document', () => {
  it('has what version 3.1 demands at its top', () => {
    expect(document.openapi).toMatch(/^3\.1\.\d+$/);
    expect(document.info).toMatchObject({ title: 'HyperMesh', version: '1.2.3' });
    expect(document.servers).toEqual([{ url: 'http://[::1]:9470' }]);
    for (const scheme of document.security.flatMap((one) => Object.keys(one)))
      expect(document.components.securitySchemes).toHaveProperty(scheme);
    expect(document.components.securitySchemes['token']).toMatchObject({ type: 'http', scheme: 'bearer' });
  });

  it('has one operation per call, with an id of its own', () => {
    expect(operations).toHaveLength(Object.keys(calls).length);
    expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(operations.length);
    for (const [name, call] of Object.entries(calls) as [string, CallDefinition][])
      expect(document.paths[call.path]?.[call.method.toLowerCase()]?.operationId, name).toBe(name.replace(':', '_'));
    expect(Object.keys(document['x-hypermesh-pushes'])).toEqual(Object.keys(pushes));
  });

  it('declares every path parameter, and no body where there is none', () => {
    for (const { path, method, operation } of operations) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      expect(
        operation.parameters.filter((each) => each.in === 'path').map(({ name }) => name),
        path,
      ).toEqual(inPath);
      for (const parameter of operation.parameters) {
        expect(['path', 'query']).toContain(parameter.in);
        expect(parameter.required || parameter.in === 'query').toBe(true);
        expect(parameter.schema).toBeTypeOf('object');
      }
      const bodyType = method === 'get' || method === 'delete' ? undefined : 'object';
      expect(operation.requestBody?.content['application/json'].schema.type, path).toBe(bodyType);
      // A field travels in one place only.
      for (const field of Object.keys(operation.requestBody?.content['application/json'].schema.properties ?? {}))
        expect(inPath).not.toContain(field);
    }
  });

  it('describes every answer, and resolves every reference', () => {
    for (const { operation } of operations) {
      expect(Object.keys(operation.responses)).toContain('200');
      for (const [status, response] of Object.entries(operation.responses)) {
        expect(status).toMatch(/^[2-5]\d\d$/);
        expect(response.description).not.toBe('');
      }
      expect(operation.summary).not.toMatch(/\.$/);
    }
    for (const [, name] of JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g))
      expect(name).toBe('#/components/schemas/Error');
  });

  it('shows limits of the contract', () => {
    const set = document.paths['/v1/share/resources/{resource}']?.['patch'];
    expect(set?.requestBody?.content['application/json'].schema.properties['percentMax']).toMatchObject({
      type: 'integer',
      minimum: 0,
      maximum: 100,
    });
    expect(set?.responses['404']?.description).toContain('RESOURCE_UNKNOWN');
  });
});
