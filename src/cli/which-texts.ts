/** Which texts `recall` and `search` look at: the options that both have, and what they mean. */
import { TidemarkError } from "../base/errors.ts";
import type { Role } from "../event/text.ts";
import { sessionId } from "../operations/sessions.ts";
import type { Store } from "../store/store.ts";
import { projectOf } from "../worktree/project.ts";
import type { Context, Input, Option } from "./command.ts";
import { project, time } from "./options.ts";

export interface WhichTexts {
  readonly role?: Role;
  readonly project?: string;
  readonly session?: string;
  readonly agent?: string;
  readonly since?: number;
  readonly until?: number;
}

export const WHERE: readonly Option[] = [{ flags: "--here", text: "only the project this directory belongs to" }, project, { flags: "--session <id>", text: "only this session" }];

/** `roles`: those whose words there are. */
export async function whichTexts(store: Store, options: Input["options"], { cwd, now }: Context, roles: readonly Role[]): Promise<WhichTexts> {
  const { role, agent, project: path, session } = options;
  const known = roles.find((each) => each === role);
  if (role !== undefined && known === undefined) throw new TidemarkError("BAD_VALUE", `--role takes ${roles.join(", ")}, not "${String(role)}"`);
  const since = time(options["since"], "--since", now);
  const until = time(options["until"], "--until", now);
  const within = options["here"] === true ? cwd : typeof path === "string" ? path : undefined;
  return {
    ...(known === undefined ? {} : { role: known }),
    ...(within === undefined ? {} : { project: projectOf(within) }),
    ...(typeof session === "string" ? { session: await sessionId(store, session) } : {}),
    ...(typeof agent === "string" ? { agent } : {}),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
  };
}
