import { type Attempt } from './attempt.js';

/** Told when runs of instances come and go, whoever started them. */
export interface InstanceListener {
  readonly onBegin: (instanceId: number, triggered: boolean) => void;
  readonly onEnd: (instanceId: number) => void;
}

/** Which instances run, or are about to: of each at most one. */
export class InstanceRuns {
  private readonly active = new Map<number, Attempt>();
  private listener: InstanceListener | null = null;

  listen(listener: InstanceListener): void {
    this.listener = listener;
  }

  /** The run of this instance that goes on. */
  of(instanceId: number | undefined): Attempt | undefined {
    return instanceId === undefined ? undefined : this.active.get(instanceId);
  }

  /** An attempt was taken. */
  begin(attempt: Attempt): void {
    const { instance } = attempt;
    if (instance === null) return;
    this.active.set(instance.id, attempt);
    this.listener?.onBegin(instance.id, instance.triggered !== undefined);
  }

  /** It has ended, or never will start. */
  end(attempt: Attempt): void {
    const id = attempt.instance?.id;
    if (id === undefined || this.active.get(id) !== attempt) return;
    this.active.delete(id);
    this.listener?.onEnd(id);
  }
}
