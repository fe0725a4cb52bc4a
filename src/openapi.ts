import { type INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { VERSION } from '#libs/platform/config/index';
import { HoopErrors, OsapiErrors, RpcErrors } from '#libs/platform/errors/index';
import { ErrorEnvelopeDto, HoopErrorDto, OsapiErrorDto, RpcErrorDto } from '#libs/platform/http/index';

const DESCRIPTION = `Muster runs scripts, commands, exec sessions and live SQL on every host you own, and hears every answer.

Sign in with \`POST /api/v1/fleet/login\`, press **Authorize**, paste the token. Fleet's routes are served under \`/api/v1/fleet\`,
\`/api/latest/fleet\` and \`/api/2022-04/fleet\` alike.

Live results come over WebSocket and SockJS at \`/api/v1/fleet/results/\` and over Socket.IO in the namespace \`/live\`: see \`docs/live.md\`.`;

/** The OpenAPI document of everything that the application serves. */
export function createOpenApi(app: INestApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setTitle('Muster')
    .setDescription(DESCRIPTION)
    .setVersion(VERSION)
    .setLicense('Apache-2.0', 'https://www.apache.org/licenses/LICENSE-2.0')
    .addBearerAuth()
    .build();
  const document = SwaggerModule.createDocument(app, config, {
    operationIdFactory: (controller, method) => `${controller.replace(/Controller$/, '')}.${method}`,
    extraModels: [OsapiErrorDto, HoopErrorDto, RpcErrorDto],
  });
  for (const [template, path] of Object.entries(document.paths)) {
    const envelope = envelopeAt(template);
    for (const operation of [path.get, path.post, path.put, path.patch, path.delete]) {
      if (operation) complete(operation, envelope);
    }
  }
  return document;
}

/** The name of the schema that errors at a path have. */
function envelopeAt(path: string): string {
  if (new OsapiErrors().speaks(path)) return OsapiErrorDto.name;
  if (new RpcErrors().speaks(path)) return RpcErrorDto.name;
  return new HoopErrors().speaks(path) ? HoopErrorDto.name : ErrorEnvelopeDto.name;
}

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;

/** What is the same for every route, and need not be said at each. */
function complete(operation: Operation, envelope: string): void {
  // A comment's first paragraph is the summary, the rest the description; lines are wrapped for the source only.
  const [summary = '', ...rest] = (operation.summary ?? '')
    .split('\n\n')
    .map((paragraph) => paragraph.replaceAll('\n', ' '));
  operation.summary = summary;
  if (rest.length > 0) operation.description = rest.join('\n\n');
  const content = { 'application/json': { schema: { $ref: `#/components/schemas/${envelope}` } } };
  const also = (status: number, description: string): void => {
    operation.responses[status] ??= { description, content };
  };
  if (operation.requestBody) {
    also(413, 'The body is too large.');
    also(415, 'The body is of another type, or of an encoding that is not understood.');
  }
  if (operation.responses[401])
    also(429, 'Too many requests of this token or address; `Retry-After` says when.');
  if (operation.parameters?.some((p) => 'in' in p && p.in === 'path'))
    also(400, 'A parameter makes no sense.');
  // What is declared for every route alike names Fleet's envelope; a path answers in its own dialect's.
  for (const [status, response] of Object.entries(operation.responses)) {
    if (Number(status) >= 400 && response && 'content' in response) response.content = content;
  }
}

/** Serves `/docs` and `/openapi.json`. */
export function serveOpenApi(app: INestApplication): void {
  SwaggerModule.setup('docs', app, () => createOpenApi(app), {
    jsonDocumentUrl: 'openapi.json',
    customSiteTitle: 'Muster API',
    swaggerOptions: {
      persistAuthorization: true,
      displayRequestDuration: true,
      docExpansion: 'list',
      tryItOutEnabled: true,
    },
  });
}
