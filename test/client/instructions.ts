/**
 * What the real client puts into its request of the instruction files of a layout, as it stands in what the model was
 * asked: first at the start, then after a file was opened.
 */
import { mkdirSync, realpathSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { build, slug, type Layout } from "../instruction-layouts.ts";
import type { World } from "./client.ts";
import { call, say, story } from "./model.ts";

export interface Given {
  readonly path: string;
  readonly text: string;
}

const MARK = /(?:^|\n)Contents of ([^\n]+?)(?: \([^\n]*\))?:\n\n/g;

/** In the order of the conversation. */
export function givenIn(messages: readonly any[]): Given[] {
  const found: Given[] = [];
  for (const text of messages.flatMap(({ content }) => textsOf(content))) {
    const marks = [...text.matchAll(MARK)];
    marks.forEach((mark, i) => {
      const rest = text.slice(mark.index + mark[0].length, marks[i + 1]?.index ?? text.length);
      found.push({ path: mark[1]!, text: rest.replace(/\n(?:# currentDate|# userEmail|<\/system-reminder>)[\s\S]*$/, "").replace(/\n*> WARNING: MEMORY\.md[\s\S]*$/, "").trim() });
    });
  }
  return found;
}

function textsOf(content: unknown): string[] {
  if (typeof content === "string") return [content];
  if (!Array.isArray(content)) return [];
  return content.flatMap((block: any) => (block.type === "text" ? [block.text as string] : block.type === "tool_result" ? textsOf(block.content) : []));
}

/** Builds the layout into the client's world and starts it there. */
export async function given(w: World, layout: Layout): Promise<Given[]> {
  build(layout, w.root, w.env);
  const config = join(w.root, layout.config ?? "config");
  if (layout.config !== undefined) {
    delete w.env["CLAUDE_CONFIG_DIR"];
    writeFileSync(join(dirname(config), ".claude.json"), '{"hasCompletedOnboarding":true}');
  }
  mkdirSync(config, { recursive: true });
  if (layout.settings !== undefined) w.settings(JSON.parse(JSON.stringify(layout.settings).replaceAll("$R", w.root)));
  if (layout.approved === true) w.account((value) => void (value.projects[w.repo].hasClaudeMdExternalIncludesApproved = true));
  const open = layout.open === undefined ? undefined : join(w.root, layout.open);
  w.model.script(story(...(open === undefined ? [] : [call("Read", { file_path: open })]), say("Done.")));
  const cwd = join(w.root, layout.cwd ?? "repo");
  const { exit, asked, err } = await w.ask("Say it", open === undefined ? [] : ["--add-dir", w.repo], { cwd, env: layout.env ?? {} });
  const main = asked.filter(({ kind }) => kind === "main");
  if (exit !== 0 || main.length !== (open === undefined ? 1 : 2)) throw new Error(`the client ended with ${exit} after ${main.length} requests: ${err}`);
  return givenIn(main.at(-1)!.body.messages);
}

/** The layout as our own code is told of it. */
export function startOf(layout: Layout, root: string, version: string) {
  const config = join(root, layout.config ?? "config");
  return {
    cwd: realpathSync(join(root, layout.cwd ?? "repo")), ...(layout.open === undefined ? {} : { open: join(root, layout.open) }),
    home: join(root, "home"), configDir: config, managedDir: join(root, "nowhere"), environment: layout.env ?? {}, version,
  };
}

/** Without what is different each time. */
export const named = (root: string, text: string): string => text.replaceAll(root, "$R").replaceAll(slug(root), "$S");

