import { Module } from '@nestjs/common';
import { AgentsModule } from '#libs/agents/index';
import { QueriesModule } from '#libs/queries/index';
import { ScriptsModule } from '#libs/scripts/index';
import { SessionsModule } from '#libs/sessions/index';
import { SpecDiffController } from './diff/spec-diff.controller.js';
import { SpecDiffService } from './diff/spec-diff.service.js';
import { EnrollSecretSpecsController } from './enroll-secret/enroll-secret-specs.controller.js';
import { EnrollSecretSpecsService } from './enroll-secret/enroll-secret-specs.service.js';
import { InstanceSpecsController } from './instances/instance-specs.controller.js';
import { InstanceSpecsService } from './instances/instance-specs.service.js';
import { LabelSpecsController } from './labels/label-specs.controller.js';
import { LabelSpecsService } from './labels/label-specs.service.js';
import { PackSpecsController } from './packs/pack-specs.controller.js';
import { PackSpecsService } from './packs/pack-specs.service.js';
import { PolicySpecsController } from './policies/policy-specs.controller.js';
import { PolicySpecsService } from './policies/policy-specs.service.js';
import { QuerySpecsController } from './queries/query-specs.controller.js';
import { QuerySpecsService } from './queries/query-specs.service.js';
import { SpecCalls } from './spec-calls.service.js';
import { SpecSqlCheck } from './spec-sql.service.js';
import { TeamSpecsController } from './teams/team-specs.controller.js';
import { TeamSpecsService } from './teams/team-specs.service.js';

/** The fleet as documents: what people keep in files, applied all at once or not at all. */
@Module({
  imports: [AgentsModule, QueriesModule, ScriptsModule, SessionsModule],
  controllers: [
    QuerySpecsController,
    PackSpecsController,
    LabelSpecsController,
    EnrollSecretSpecsController,
    TeamSpecsController,
    PolicySpecsController,
    InstanceSpecsController,
    SpecDiffController,
  ],
  providers: [
    SpecCalls,
    SpecSqlCheck,
    QuerySpecsService,
    PackSpecsService,
    LabelSpecsService,
    EnrollSecretSpecsService,
    TeamSpecsService,
    PolicySpecsService,
    InstanceSpecsService,
    SpecDiffService,
  ],
})
export class SpecsModule {}
