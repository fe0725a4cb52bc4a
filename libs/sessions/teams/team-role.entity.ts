import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { type Role } from '#libs/platform/auth/index';
import { Team } from './team.entity.js';
import { User } from '../users/user.entity.js';

/** A user's role on one team. Users with a global role have none. */
@Entity('team_roles')
@Check('team_roles_role', `role IN ('admin', 'maintainer', 'observer', 'observer_plus', 'gitops')`)
export class TeamRole {
  @PrimaryColumn({ type: 'integer', name: 'user_id', primaryKeyConstraintName: 'team_roles_pkey' })
  userId!: number;

  @Index('team_roles_team_id')
  @PrimaryColumn({ type: 'integer', name: 'team_id', primaryKeyConstraintName: 'team_roles_pkey' })
  teamId!: number;

  @ManyToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'team_roles_user_id_fkey' })
  user!: Relation<User>;

  @ManyToOne(() => Team, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'team_id', foreignKeyConstraintName: 'team_roles_team_id_fkey' })
  team!: Relation<Team>;

  @Column({ type: 'text' })
  role!: Role;
}
