import { z } from 'zod';
import { text } from '../parse-specs.js';

const LIST = 'must be a list of {secret}; an empty list lets no host enroll';

export const EnrollSecretSpec = z.object({
  secrets: z.array(z.object({ secret: text(1024) }), { error: LIST }),
});
export type EnrollSecretSpec = z.output<typeof EnrollSecretSpec>;
export const EnrollSecretBody = z.object({
  spec: z.object(EnrollSecretSpec.shape, { error: 'must be an object with the list "secrets"' }),
});

export class GlobalSecretDto {
  secret!: string;
  created_at!: string;
}

export class EnrollSecretSpecDto {
  secrets!: GlobalSecretDto[];
}

export class EnrollSecretResponseDto {
  spec!: EnrollSecretSpecDto;
}
