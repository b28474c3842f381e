/** What goes into the agent's settings and comes out of them again, on settings of chance and by hand. */
import { describe, expect, test } from "vitest";
import { randomFrom } from "../../../test/damage/batches.ts";
import { isBlank } from "../json-entry.ts";
import { hookEntries, spoolLine, type Wiring } from "./hook-lines.ts";
import { containers, isWired, switches, withHooks, withoutHooks, withoutServer, withServer } from "./install.ts";

const WIRING: Wiring = { node: "/usr/bin/node", script: "/opt/it's here/tidemark.js", home: "/home/a b/state", spool: "/home/a b/state/spool", barrier: "/home/a b/state/barrier", words: "/home/a b/state/tell" };
const MOVED: Wiring = { ...WIRING, script: "/elsewhere/dist/tidemark.js" };
const EVENTS = hookEntries(WIRING).map(({ event }) => event);
const at = (text: string | undefined): { path: string; text: string | undefined } => ({ path: "/c/settings.json", text });
const parsed = (text: string): any => JSON.parse(text.replace("\uFEFF", ""));

const wire = (text: string | undefined, wiring = WIRING): string => withHooks(at(text), wiring);
const unwire = (text: string, there: readonly string[] = []): string => withoutHooks(at(text), new Set(there));

/** Settings as people have them: others' hooks in the same events, keys on both sides, in every layout. */
function settings(random: () => number): { value: Record<string, unknown>; layout: (value: unknown) => string } {
  const pick = <T>(...of: T[]): T => of[Math.floor(random() * of.length)]!;
  const group = (): unknown => ({ ...pick<object>({}, { matcher: "Bash" }, { matcher: "*" }), hooks: Array.from({ length: pick(1, 1, 2) }, () => ({ type: "command", command: pick("echo hi", "say 'done'", "tidemark-like", 'x="}, ]"'), ...pick<object>({}, { timeout: 3 }) })) });
  const hooks = Object.fromEntries([...EVENTS, "Notification", "PreCompact"].filter(() => random() < 0.3).map((event) => [event, Array.from({ length: pick(1, 2) }, group)]));
  const value: Record<string, unknown> = { ...pick<object>({}, { model: "opus" }), ...pick<object>({}, { permissions: { allow: ["Bash(ls)", "Read(//etc/**)"], deny: [] }, env: {} }) };
  if (random() < 0.6 && Object.keys(hooks).length > 0) value["hooks"] = hooks;
  if (random() < 0.5) value["statusLine"] = { type: "command", command: "date" };
  const newline = pick("", "\n", "\n\n");
  const layouts: ((value: unknown) => string)[] = [
    (each) => JSON.stringify(each) + newline,
    (each) => JSON.stringify(each, undefined, 2) + newline,
    (each) => JSON.stringify(each, undefined, "\t") + newline,
    (each) => `${JSON.stringify(each, undefined, 4)}${newline}`.replaceAll("\n", "\r\n"),
    (each) => `\uFEFF${JSON.stringify(each, undefined, 2)}${newline}`,
  ];
  return { value, layout: pick(...layouts) };
}

describe("settings of chance", () => {
  const cases = Array.from({ length: 80 }, (_, seed) => settings(randomFrom(seed)));

  test("installed and uninstalled they have the same bytes", () => {
    for (const { value, layout } of cases) {
      const text = layout(value);
      expect(unwire(wire(text), containers(at(text)))).toBe(text);
    }
  });

  test("installed, every hook of ours is there once, and everything else as it was", () => {
    for (const { value, layout } of cases) {
      const after = parsed(wire(layout(value)));
      const { hooks, ...others } = after;
      const { hooks: theirs = {}, ...before } = value as any;
      expect(others).toEqual(before);
      for (const { event, command, timeout, matcher } of hookEntries(WIRING)) {
        expect(hooks[event].filter((each: unknown) => JSON.stringify(each).includes(": tidemark; "))).toEqual([{ ...(matcher === undefined ? {} : { matcher }), hooks: [{ type: "command", command, timeout }] }]);
        expect(hooks[event].slice(0, -1)).toEqual(theirs[event] ?? []);
      }
      expect(hooks).toMatchObject(Object.fromEntries(Object.entries(theirs).filter(([event]) => !EVENTS.includes(event))));
    }
  });

  test("a second install changes nothing; one from another place changes only the entries, where they are", () => {
    for (const { value, layout } of cases) {
      const text = layout(value);
      const once = wire(text);
      expect(wire(once)).toBe(once);
      const moved = wire(once, MOVED);
      expect(moved).toBe(wire(text, MOVED));
      expect(unwire(moved, containers(at(text)))).toBe(text);
    }
  });

  test("an edit of the user elsewhere stays, and nothing of ours does", () => {
    for (const { value, layout } of cases) {
      const edit = (old: any): any => ({ theme: "dark", ...old, hooks: { Setup: [], ...old.hooks }, added: [1] });
      const rewritten = unwire(layout(edit(parsed(wire(layout(value))))), [...containers(at(layout(value))), "hooks"]);
      expect(rewritten).toBe(layout(edit(value)));
      expect(rewritten).not.toContain("tidemark;");
    }
  });
});

describe("by hand", () => {
  const other = { type: "command", command: "echo theirs" };

  test("without a file, or with an empty one, settings are made; taken out again they are blank", () => {
    for (const text of [undefined, "", " \n"]) {
      const made = wire(text);
      expect(made).toMatch(/^\{\n {2}"hooks": \{\n {4}"SessionStart": \[\{ "hooks": \[\{ "type": "command", .*\}\n\}\n$/s);
      expect(unwire(made)).toBe("{}\n");
      expect(isBlank(at(unwire(made)))).toBe(true);
    }
  });

  test("containers that were empty before us stay, those we made go", () => {
    const text = '{\n  "hooks": {\n    "Stop": []\n  },\n  "model": "opus"\n}\n';
    expect(containers(at(text))).toEqual(["hooks", "hooks.Stop"]);
    expect(unwire(wire(text), containers(at(text)))).toBe(text);
    expect(parsed(unwire(wire(text)))).toEqual({ model: "opus" });
    expect(parsed(unwire(wire('{"hooks":{}}'), ["hooks"]))).toEqual({ hooks: {} });
  });

  test("a hook that someone put into a group of ours stays", () => {
    const value = parsed(wire(undefined));
    value.hooks.PreToolUse[0].hooks.push(other);
    const text = JSON.stringify(value, undefined, 2);
    expect(parsed(wire(text, MOVED)).hooks.PreToolUse).toEqual([{ matcher: "*", hooks: [hookOf("PreToolUse", MOVED), other] }]);
    expect(parsed(unwire(text))).toEqual({ hooks: { PreToolUse: [{ matcher: "*", hooks: [other] }] } });
  });

  test("entries of an older version are renewed: other events, other commands, twice the same", () => {
    const old = { hooks: [{ type: "command", command: ": tidemark; old" }] };
    const text = JSON.stringify({ hooks: { Notification: [old], Setup: [{ hooks: [other] }, old], Stop: [old, { hooks: [other] }, old] } });
    const { hooks } = parsed(wire(text));
    expect(hooks).toMatchObject({ Setup: [{ hooks: [other] }], Stop: [{ hooks: [hookOf("Stop", WIRING)] }, { hooks: [other] }] });
    expect(Object.keys(hooks)).not.toContain("Notification");
    expect(JSON.stringify(hooks)).not.toContain("tidemark; old");
  });

  test("comments and trailing commas stay where they are", () => {
    const text = '// mine\n{\n  "hooks": {\n    // before\n    "Stop": [\n      { "hooks": [{ "type": "command", "command": "x" }] }, // why\n    ],\n  },\n}\n';
    expect(unwire(wire(text), containers(at(text)))).toBe(text);
    expect(wire(text)).toContain('{ "hooks": [{ "type": "command", "command": "x" }] }, // why\n      { "hooks": [{ "type": "command", "command": ": tidemark; ');
  });

  test.each([
    ["{\n  broken", /\/c\/settings\.json is not valid JSON: line 2, column 3/],
    ["[]", /is not a JSON object/],
    ['{"hooks": []}', /"hooks" in \/c\/settings\.json is not an object/],
    ['{"hooks": {"Stop": {}}}', /"hooks\.Stop" in \/c\/settings\.json is not a list/],
  ])("%s is refused", (text, message) => {
    expect(() => wire(text)).toThrow(expect.objectContaining({ code: "CONFIG_UNREADABLE", message: expect.stringMatching(message) }));
  });

  function hookOf(event: string, wiring: Wiring): unknown {
    const { command, timeout } = hookEntries(wiring).find((each) => each.event === event)!;
    return { type: "command", command, timeout };
  }
});

describe("the server", () => {
  const account = '{\n  "numStartups": 3,\n  "projects": {\n    "/a": {\n      "mcpServers": {}\n    }\n  }\n}';
  const entry = { type: "stdio", command: WIRING.node, args: [WIRING.script, "engine"], env: { TIDEMARK_HOME: WIRING.home } };

  test("is added at user level and taken out to the byte, also after the client has written the file anew", () => {
    const added = withServer(at(account), WIRING);
    expect(parsed(added)).toEqual({ ...parsed(account), mcpServers: { tidemark: entry } });
    expect(isWired(at(added))).toBe(true);
    expect(withoutServer(at(added))).toBe(account);
    expect(withServer(at(added), WIRING)).toBe(added);
    expect(withoutServer(at(JSON.stringify({ ...parsed(added), numStartups: 4 }, undefined, 2)))).toBe(account.replace("3", "4"));
  });

  test("stands beside others, and an empty list of before stays", () => {
    const others = '{"mcpServers":{"a":{"command":"x"}}}';
    expect(withoutServer(at(withServer(at(others), WIRING)))).toBe(others);
    expect(withoutServer(at(withServer(at('{"mcpServers":{}}'), WIRING)), new Set(["mcpServers"]))).toBe('{"mcpServers":{}}');
  });

  test("from another place is renewed where it is", () => {
    expect(withServer(at(withServer(at(account), MOVED)), WIRING)).toBe(withServer(at(account), WIRING));
  });

  test("of that name that is another's is refused, and not taken out", () => {
    const theirs = '{"mcpServers":{"tidemark":{"command":"npx","args":["something","engine"]}}}';
    expect(() => withServer(at(theirs), WIRING)).toThrow(expect.objectContaining({ code: "SERVER_NAME_TAKEN" }));
    expect(withoutServer(at(theirs))).toBe(theirs);
    expect(isWired(at(theirs))).toBe(false);
  });
});

describe("switches", () => {
  const managed = (value: unknown, path = "/etc/claude-code/managed-settings.json"): unknown => switches([{ path, text: JSON.stringify(value) }], true);

  test.each([
    [{ disableAllHooks: true }, "hooksOff"],
    [{ allowManagedHooksOnly: true }, "hooksOff"],
    [{ strictPluginOnlyCustomization: ["hooks"] }, "hooksOff"],
    [{ deniedMcpServers: [{ serverName: "tidemark" }] }, "serverOff"],
    [{ allowedMcpServers: [{ serverName: "other" }] }, "serverOff"],
  ])("%j of an organization: %s", (value, what) => expect(Object.keys(managed(value) as object)).toEqual([what]));

  test("what leaves us alone is not named", () => {
    for (const value of [{}, [], { disableAllHooks: false }, { strictPluginOnlyCustomization: ["skills"] }, { allowedMcpServers: [{ serverName: "tidemark" }] }, { deniedMcpServers: "x" }, { allowManagedMcpServersOnly: true }]) expect(managed(value)).toEqual({});
    expect(switches([at("{broken"), at(undefined)], true)).toEqual({});
    expect(managed({}, "/etc/claude-code/managed-mcp.json")).toHaveProperty("serverOff");
  });

  test("of the user's own settings only disableAllHooks counts", () => {
    expect(switches([at('{"disableAllHooks":true}')], false)).toHaveProperty("hooksOff");
    expect(switches([at('{"allowManagedHooksOnly":true,"deniedMcpServers":[{"serverName":"tidemark"}]}')], false)).toEqual({});
  });
});

test("folders with spaces and quotes are one word for the shell", () => {
  expect(spoolLine("/a b/it's")).toContain(`S='/a b/it'\\''s';`);
  for (const { command } of hookEntries({ ...WIRING, script: "/a b/it's.js" })) expect(command).toContain(`[ -f '/a b/it'\\''s.js' ]||`);
});
