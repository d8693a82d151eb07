import type { StorePath } from '../../../storage/object-store.ts';
import { parentOf, STORE_ROOT } from '../../../storage/store-path.ts';
import type { PathRules, Permission } from '../../../vfs/permissions.ts';
import type { ConditionContext, SessionPolicy } from './parse-policy.ts';

/** The requests to S3 of which a permission is made; a rename is judged by what it consists of. */
const ACTIONS: Readonly<Record<Exclude<Permission, 'rename' | 'list'>, string>> = {
  read: 's3:GetObject',
  write: 's3:PutObject',
  mkdir: 's3:PutObject',
  setAttributes: 's3:PutObject',
  delete: 's3:DeleteObject',
};

/** What a session policy allows in a bucket: an explicit Deny counts before every Allow, and what neither names is denied. */
export class PolicyRules implements PathRules {
  readonly #policy: SessionPolicy;
  readonly #bucket: string;
  readonly #sourceIp: string | undefined;

  constructor(policy: SessionPolicy, bucket: string, sourceIp: string | undefined) {
    this.#policy = policy;
    this.#bucket = `arn:aws:s3:::${bucket}`;
    this.#sourceIp = sourceIp;
  }

  allows(permission: Permission, path: StorePath): boolean {
    switch (permission) {
      case 'rename':
        return true;
      case 'list':
        return this.#decide('s3:ListBucket', this.#bucket, path === STORE_ROOT ? '' : `${path}/`);
      case 'mkdir':
        return this.#decide(ACTIONS.mkdir, this.#object(`${path}/`));
      case 'read':
      case 'write':
      case 'setAttributes':
      case 'delete':
        return this.#decide(ACTIONS[permission], this.#object(path));
    }
  }

  allowsEverywhereIn(permission: Permission, directory: StorePath): boolean {
    if (permission === 'rename') return true;
    if (permission === 'list') return false;
    const action = ACTIONS[permission];
    const inside = this.#object(directory === STORE_ROOT ? '' : `${directory}/`);
    const statements = this.#applicable(action, undefined);
    return (
      statements.every(
        ({ effect, resources }) => effect === 'Allow' || !resources.some((pattern) => pattern.fitsSomeAfter(inside)),
      ) &&
      statements.some(
        ({ effect, resources }) => effect === 'Allow' && resources.some((pattern) => pattern.fitsAllAfter(inside)),
      )
    );
  }

  allowsRmdir(directory: StorePath): boolean {
    return this.#decide(ACTIONS.delete, this.#object(`${directory}/`));
  }

  /** As HeadObject: who may read the object; and whoever may list it with its neighbours, or what is in it. */
  maySee(path: StorePath): boolean {
    return this.allows('list', path) || this.allows('read', path) || this.allows('list', parentOf(path));
  }

  #object(key: string): string {
    return `${this.#bucket}/${key}`;
  }

  #decide(action: string, resource: string, prefix?: string): boolean {
    const statements = this.#applicable(action, prefix).filter(({ resources }) =>
      resources.some((pattern) => pattern.matches(resource)),
    );
    return statements.length > 0 && statements.every(({ effect }) => effect === 'Allow');
  }

  #applicable(action: string, prefix: string | undefined): SessionPolicy['statements'] {
    const context: ConditionContext = { prefix, sourceIp: this.#sourceIp };
    return this.#policy.statements.filter(
      ({ concerns, conditions }) => concerns(action) && conditions.every((holds) => holds(context)),
    );
  }
}
