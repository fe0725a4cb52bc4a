export { BodyInterceptor, ReadsBodyItself } from './body.interceptor.js';
export { EmptyDto } from './empty.dto.js';
export { ErrorEnvelopeDto, FieldProblemDto } from './error-envelope.dto.js';
export { AllExceptionsFilter } from './exception.filter.js';
export { IdPipe, isUuid, MAX_ID } from './id.pipe.js';
export { ListQueryDto, listOptions, type ListOptions } from './list-query.dto.js';
export { fleetVersions, methodsAt, numericIds, type RouteLayer } from './routing.js';
export { closed, sendEvents, type ServerSentEvent } from './server-sent-events.js';
export { DtoPipe } from './validation.pipe.js';
