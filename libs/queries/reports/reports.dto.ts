export class ReportRowDto {
  host_id!: number;
  host_name!: string;
  last_fetched!: string;
  /** Column name → text. */
  columns!: Record<string, string>;
}

export class QueryReportDto {
  query_id!: number;
  /** There are more rows than are shown. */
  report_clipped!: boolean;
  results!: ReportRowDto[];
}

export class HostReportRowDto {
  /** Column name → text. */
  columns!: Record<string, string>;
}

export class HostReportDto {
  query_id!: number;
  host_id!: number;
  host_name!: string;
  /** null: the host has not reported yet. */
  last_fetched!: string | null;
  report_clipped!: boolean;
  results!: HostReportRowDto[];
}
