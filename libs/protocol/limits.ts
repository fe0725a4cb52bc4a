import { z } from 'zod';

/** What one run may use up at most; what is absent is not limited. An agent takes the strictest of what it is told. */
export const RunLimits = z.object({
  /** Processor seconds of all its processes together. */
  cpu_seconds: z.number().int().min(1).optional(),
  /** Memory of all its processes together, bytes. */
  memory_bytes: z.number().int().min(1).optional(),
  /** Processes and threads at once. */
  processes: z.number().int().min(1).optional(),
  /** Open files of one process. */
  open_files: z.number().int().min(16).optional(),
  /** The largest file, bytes. */
  file_bytes: z.number().int().min(1).optional(),
  /** Written to disks by all its processes together, bytes. */
  disk_bytes: z.number().int().min(1).optional(),
  /** Output, kept or not, both streams together, bytes. */
  output_bytes: z.number().int().min(1).optional(),
});
export type RunLimits = z.infer<typeof RunLimits>;
