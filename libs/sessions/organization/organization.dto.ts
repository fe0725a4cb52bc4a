export class VersionDto {
  version!: string;
  branch!: string;
  revision!: string;
  go_version!: string;
  build_date!: string;
  build_user!: string;
}
