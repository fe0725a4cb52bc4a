import { Logger, type LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type OpenAPIObject } from '@nestjs/swagger';
import { DataSource } from 'typeorm';
import { loadSettings } from '#libs/platform/config/index';
import { dataSourceOptions } from '#libs/platform/database/index';
import { AppModule } from './app.module.js';
import { createOpenApi } from './openapi.js';

/** Two types of one name, of which one would stand for both, are only warned of. */
const strict: LoggerService = {
  log: () => undefined,
  error: () => undefined,
  warn: (message: unknown) => {
    throw new Error(String(message));
  },
};

/** The OpenAPI document without a database: Nest's preview mode reads the modules and builds nothing. */
export async function describeApi(): Promise<OpenAPIObject> {
  const dataSource = new DataSource(dataSourceOptions('postgres://nowhere/none', []));
  const app = await NestFactory.create(AppModule.with(loadSettings({}), dataSource), {
    preview: true,
    logger: false,
    abortOnError: false,
  });
  Logger.overrideLogger(strict);
  return createOpenApi(app);
}
