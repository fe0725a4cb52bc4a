import { Global, Module } from '@nestjs/common';
import { Database } from './database.js';

/** Gives every domain the one `Database`; the connection itself is set up at the root. */
@Global()
@Module({ providers: [Database], exports: [Database] })
export class DatabaseModule {}
