import { Global, Module } from '@nestjs/common';
import { RequestLimiter } from './request-limiter.js';

@Global()
@Module({ providers: [RequestLimiter], exports: [RequestLimiter] })
export class RequestLimitsModule {}
