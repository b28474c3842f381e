/**
 * `init` and `uninstall` of the built command line, and what they install, run by real shells as the agent would: with Node,
 * without it, with nothing where it was, and with a home whose name tries the quoting.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { hookEntries, spoolLine, type HookEntry } from "../../src/agents/claude-code/hook-lines.ts";
import { ask, place, scratch, tidemark, type Place } from "../helpers.ts";

const SETTINGS = '{\n\t"model": "opus"\n}';

/** A machine with an agent on it; never the real one. */
function machine(settings: string | undefined = SETTINGS): Place & { settings: string; account: string } {
  const at = place();
  mkdirSync(at.config);
  const path = join(at.config, "settings.json");
  if (settings !== undefined) writeFileSync(path, settings);
  return { ...at, env: { ...at.env, PATH: "/usr/bin:/bin" }, settings: path, account: join(at.config, ".claude.json") };
}

/** Where the tests run, tidemark.js may be in a folder that gets cleaned up; that it says so is tested elsewhere. */
const others = (warnings: readonly string[]): string[] => warnings.filter((text) => !text.includes("gets cleaned up"));

describe("the commands", () => {
  test("init and uninstall, as programs see them", async () => {
    const at = machine();
    const planned = await ask(at, ["init", "--dry-run"]);
    expect(planned).toMatchObject({ code: 0, ok: true, schema: "tidemark/init/1", data: { state: "planned", reason: "dry-run", files: [{ path: at.settings, change: "changed", backup: null }, { path: at.account, change: "created" }] } });
    expect(readdirSync(at.config)).toEqual(["settings.json"]);
    const installed = await ask(at, ["init"]);
    expect(installed).toMatchObject({ code: 0, data: { state: "installed", reason: null, files: [{ path: at.settings, change: "changed", backup: expect.stringContaining(at.home), patch: expect.stringContaining("+\t\"hooks\": {") }, { path: at.account, change: "created", backup: null }] } });
    expect(installed.data.hooks).toContainEqual({ event: "SessionStart", by: "answer" });
    expect(others(installed.warnings)).toEqual([]);
    const { mcpServers } = JSON.parse(readFileSync(at.account, "utf8"));
    expect(mcpServers).toEqual({ tidemark: { type: "stdio", command: process.execPath, args: [expect.stringMatching(/^\/.*\/dist\/tidemark\.js$/), "engine"], env: { TIDEMARK_HOME: at.home } } });
    expect((await ask(at, ["init"])).data.state).toBe("already");
    const gone = await ask(at, ["uninstall"]);
    expect(gone).toMatchObject({ code: 0, schema: "tidemark/uninstall/1", warnings: [], data: { state: "uninstalled", home: at.home, files: [{ change: "restored" }, { change: "deleted" }] } });
    expect(readFileSync(at.settings, "utf8")).toBe(SETTINGS);
    expect(readdirSync(at.config)).toEqual(["settings.json"]);
    expect((await ask(at, ["uninstall"])).data.state).toBe("absent");
  });

  test("and as people do", async () => {
    const at = machine();
    const plain = (text: string): string => text.replaceAll(at.home, "HOME").replaceAll(at.config, "CONFIG").replaceAll(process.execPath, "NODE").replace(/\.[0-9a-f]{12}\.before/g, ".HASH.before").replace(/(: tidemark; |"command": "NODE", ).*…/g, "$1…");
    const { out } = await tidemark(at, ["init"]);
    expect(plain(out)).toMatchInlineSnapshot(`
      "CONFIG/settings.json
        @@ -1,3 +1,18 @@
         {
        -  "model": "opus"
        +  "model": "opus",
        +  "hooks": {
        +    "SessionStart": [{ "hooks": [{ "type": "command", "command": ": tidemark; …
        +    "SubagentStart": [{ "hooks": [{ "type": "command", "command": ": tidemark; …
        +    "PreToolUse": [{ "matcher": "*", "hooks": [{ "type": "command", "command": ": tidemark; …
        +    "UserPromptSubmit": [{ "hooks": [{ "type": "command", "command": ": tidemark; …
        +    "PermissionRequest": [{ "hooks": [{ "type": "command", "command": ": tidemark; …
        +    "PostToolUse": [{ "matcher": "*", "hooks": [{ "type": "command", "command": ": tidemark; …
        +    "PostToolUseFailure": [{ "matcher": "*", "hooks": [{ "type": "command", "command": ": tidemark; …
        +    "Stop": [{ "hooks": [{ "type": "command", "command": ": tidemark; …
        +    "StopFailure": [{ "hooks": [{ "type": "command", "command": ": tidemark; …
        +    "SubagentStop": [{ "hooks": [{ "type": "command", "command": ": tidemark; …
        +    "InstructionsLoaded": [{ "hooks": [{ "type": "command", "command": ": tidemark; …
        +    "PostCompact": [{ "hooks": [{ "type": "command", "command": ": tidemark; …
        +    "SessionEnd": [{ "hooks": [{ "type": "command", "command": ": tidemark; …
        +  }
         }
      CONFIG/.claude.json (new)
        @@ -0,0 +1,5 @@
        +{
        +  "mcpServers": {
        +    "tidemark": { "type": "stdio", "command": "NODE", …
        +  }
        +}

      Installed: 13 hooks and the engine, for all your projects.
        CONFIG/settings.json, as it was before: HOME/install/claude-code/settings.json.HASH.before

        claude              start it as always; sessions that run now are taken up at their next start
        tidemark status     shows what is kept
        tidemark uninstall  takes it back
      "
    `);
    writeFileSync(at.account, JSON.stringify({ ...JSON.parse(readFileSync(at.account, "utf8")), numStartups: 1 }));
    expect(plain((await tidemark(at, ["uninstall"])).out)).toMatchInlineSnapshot(`
      "Uninstalled: 2 files changed back.
        CONFIG/settings.json is again what it was before, byte for byte
        CONFIG/.claude.json was changed by others since: their changes stay, the entries of Tidemark are out

      Your history stays in HOME; delete that folder to be rid of it.
      A session that runs now keeps its hooks until it ends.
      "
    `);
  });

  test("in CI and without an agent the plan is shown and nothing changed", async () => {
    const at = machine();
    const ci = { ...at, env: { ...at.env, CI: "true" } };
    const shown = await tidemark(ci, ["init"]);
    expect(shown).toMatchObject({ code: 0, out: expect.stringMatching(/\+.*: tidemark; .*Nothing was changed: this is CI\. tidemark init --force/s) });
    expect(readFileSync(at.settings, "utf8")).toBe(SETTINGS);
    expect((await ask(ci, ["init", "--force"])).data.state).toBe("installed");
    const bare = { ...place(), env: { ...place().env, PATH: "/nonexistent" } };
    expect(await tidemark(bare, ["init"])).toMatchObject({ code: 0, out: expect.stringMatching(/no agent is here .*Start claude once, then tidemark init/) });
    expect(existsSync(bare.config) || existsSync(bare.home)).toBe(false);
  });

  test("a home of the user's own: the account file stands beside the agent's folder", async () => {
    const at = machine();
    const home = at.env["HOME"]!;
    mkdirSync(join(home, ".claude"));
    const { CLAUDE_CONFIG_DIR: _, ...env } = at.env;
    expect((await ask({ ...at, env }, ["init"])).data.files.map(({ path }: { path: string }) => path)).toEqual([join(home, ".claude/settings.json"), join(home, ".claude.json")]);
  });

  test("settings that are no JSON: refused with the place, exit 1, nothing changed", async () => {
    const at = machine("{\n  broken\n}");
    expect(await tidemark(at, ["init"])).toMatchObject({ code: 1, out: "", err: expect.stringMatching(/settings\.json is not valid JSON: line 2, column 3: .*\nnext {2}Mend the file/) });
    expect(await ask(at, ["init"])).toMatchObject({ code: 1, error: { code: "CONFIG_UNREADABLE", kind: "config" } });
    expect(readdirSync(at.config)).toEqual(["settings.json"]);
  });
});

const SHELLS = ["sh", "bash", "dash", "zsh"].map((name) => [name]).concat([["busybox", "sh"]]).filter(([program, ...args]) => spawnSync(program!, [...args, "-c", "exit 0"]).status === 0);

const found = (program: string): string => spawnSync("which", [program], { encoding: "utf8" }).stdout.trim();
const programOf = ([program, ...args]: readonly string[]): string[] => [found(program!), ...args];

interface Ran {
  readonly code: number | null;
  readonly out: string;
  /** The input was not read to its end. */
  readonly broken: boolean;
  readonly pgid: number;
}

/** As the client runs a hook: through a shell, the payload on standard input. */
function hook(shell: readonly string[], command: string, payload: string, path = process.env["PATH"] ?? ""): Promise<Ran> {
  return new Promise((done, failed) => {
    // Without SHLVL and with a socket for its input, bash takes itself for a remote shell and reads ~/.bashrc.
    const child = spawn(shell[0]!, [...shell.slice(1), "-c", command], { env: { PATH: path, SHLVL: "1" }, cwd: "/", stdio: ["pipe", "pipe", "pipe"], detached: true });
    let [out, broken] = ["", false];
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => void (out += text));
    child.on("error", failed).on("close", (code) => done({ code, out, broken, pgid: child.pid! }));
    child.stdin.on("error", () => void (broken = true)).end(payload);
  });
}

const PAYLOAD = JSON.stringify({ hook_event_name: "X", prompt: "it's \"quoted\" $HOME `x` \\ 日本 \u0000".repeat(9000) });

describe.each(SHELLS.map((shell) => [shell.join(" "), shell] as const))("hooks run by %s", (_, shell) => {
  /** A Node script in the place of tidemark.js that notes what it was given. */
  function wired(): { home: string; spool: string; script: string; noted: () => any; entry: (event: string) => HookEntry } {
    const home = join(scratch(), `it's "a" $home`);
    const [spool, script, note] = [join(home, "spool"), join(home, "tidemark.js"), join(home, "note.json")];
    mkdirSync(spool, { recursive: true });
    writeFileSync(
      script,
      `const fs = require("node:fs"); const stdin = fs.readFileSync(0, "utf8"); console.error("noise");
       if (process.argv[2] === "hook") process.stdout.write('{"answer":1}');
       const pgid = Number(require("node:child_process").execFileSync("ps", ["-o", "pgid=", "-p", String(process.pid)]));
       fs.writeFileSync(${JSON.stringify(`${note}.new`)}, JSON.stringify({ args: process.argv.slice(2), home: process.env.TIDEMARK_HOME, length: stdin.length, pgid }));
       fs.renameSync(${JSON.stringify(`${note}.new`)}, ${JSON.stringify(note)});`,
    );
    const entries = hookEntries({ node: process.execPath, script, home, spool, barrier: join(home, "barrier"), words: join(home, "tell") });
    return { home, spool, script, noted: () => (existsSync(note) ? JSON.parse(readFileSync(note, "utf8")) : undefined), entry: (event) => entries.find((each) => each.event === event)! };
  }

  const spooled = (folder: string): string[] => readdirSync(folder).map((name) => readFileSync(join(folder, name), "utf8"));

  test("what comes in is in the spool to the byte, each in a file of its own and closed to others", async () => {
    const { spool, entry } = wired();
    const ran = await Promise.all(Array.from({ length: 5 }, (_each, n) => hook(shell, entry("PreToolUse").command, PAYLOAD + n)));
    expect(ran.map(({ code, out }) => [code, out])).toEqual(Array.from({ length: 5 }, () => [0, ""]));
    expect(spooled(spool).sort()).toEqual([0, 1, 2, 3, 4].map((n) => PAYLOAD + n));
    for (const name of readdirSync(spool)) {
      expect(name).toMatch(/^\d+-\d+[abc]?\.json$/);
      expect(statSync(join(spool, name)).mode & 0o777).toBe(0o600);
    }
  });

  test.each([
    ["is not there", (spool: string) => rmSync(spool, { recursive: true })],
    ["is no folder", (spool: string) => (rmSync(spool, { recursive: true }), writeFileSync(spool, "x"))],
    ["is a link to nothing", (spool: string) => (rmSync(spool, { recursive: true }), symlinkSync("/nonexistent", spool))],
  ])("where the spool %s the agent is not bothered, and the input is read to its end", async (_each, make) => {
    const { spool, entry } = wired();
    make(spool);
    for (const event of ["Stop", "SessionEnd"]) expect(await hook(shell, entry(event).command, PAYLOAD)).toMatchObject({ code: 0, out: "", broken: false });
  });

  test("where there is no cat either, it still ends with 0", async () => {
    expect(await hook(programOf(shell), `: tidemark; ${spoolLine(wired().spool)}`, "{}", "/nonexistent")).toMatchObject({ code: 0, out: "" });
  });

  test("a start is answered by Node; its noise is not heard, its home is the one that was installed", async () => {
    const { home, spool, noted, entry } = wired();
    expect(await hook(shell, entry("SessionStart").command, PAYLOAD)).toMatchObject({ code: 0, out: '{"answer":1}' });
    expect(noted()).toMatchObject({ args: ["hook", "SessionStart"], home, length: PAYLOAD.length });
    expect(readdirSync(spool)).toEqual([]);
  });

  test("where Node has gone, a start is kept like any other", async () => {
    const { spool, script, home } = wired();
    const gone = hookEntries({ node: "/nonexistent/node", script, home, spool, barrier: join(home, "barrier"), words: join(home, "tell") }).find(({ event }) => event === "SessionStart")!;
    expect(await hook(shell, gone.command, PAYLOAD)).toMatchObject({ code: 0, out: "" });
    expect(spooled(spool)).toEqual([PAYLOAD]);
  });

  test("where Tidemark has gone, nobody would take in what is kept: the input is read to its end, and nothing is", async () => {
    const { spool, script, entry } = wired();
    rmSync(script);
    for (const event of ["SessionStart", "SubagentStart", "PreToolUse", "SessionEnd"]) expect(await hook(shell, entry(event).command, PAYLOAD)).toMatchObject({ code: 0, out: "", broken: false });
    expect(readdirSync(spool)).toEqual([]);
    expect(await hook(programOf(shell), entry("Stop").command, "{}", "/nonexistent")).toMatchObject({ code: 0, out: "" });
  });

  test("one that fails in Node before it has read is kept, too, and is no failure of the hook", async () => {
    const { spool, script, entry } = wired();
    writeFileSync(script, "throw new Error('broken')");
    expect(await hook(shell, entry("SessionStart").command, PAYLOAD)).toMatchObject({ code: 0, out: "" });
    expect(spooled(spool)).toEqual([PAYLOAD]);
  });

  test.each([
    ["with setsid", undefined],
    ["where there is no setsid", ["cat", "ps", "nohup"]],
  ])("an end is spooled, and a drain goes on without the hook, %s", async (_each, programs) => {
    const { spool, home, noted, entry } = wired();
    const bin = join(home, "bin");
    mkdirSync(bin);
    for (const name of programs ?? []) symlinkSync(found(name), join(bin, name));
    const begun = performance.now();
    const ran = await hook(programOf(shell), entry("SessionEnd").command, PAYLOAD, programs === undefined ? undefined : bin);
    expect(ran).toMatchObject({ code: 0, out: "" });
    expect(performance.now() - begun).toBeLessThan(4000);
    expect(spooled(spool)).toEqual([PAYLOAD]);
    for (let tries = 0; noted() === undefined && tries < 100; tries++) await pause(50);
    expect(noted()).toMatchObject({ args: ["drain"], home, length: 0 });
    // dash has no job control without a terminal; where it is sh there is setsid.
    if (programs === undefined || shell[0] === "bash") expect(noted().pgid).not.toBe(ran.pgid);
  });
});

describe("other clients", () => {
  const withHome = (): Place => {
    const at = place();
    return { ...at, env: { ...at.env, HOME: at.cwd, PATH: "/usr/bin:/bin", XDG_CONFIG_HOME: "", CODEX_HOME: "" } };
  };

  test("one is told of the server, Claude Code is left alone, and uninstall takes it back", async () => {
    const at = withHome();
    const path = join(at.cwd, ".codex/config.toml");
    mkdirSync(join(at.cwd, ".codex"));
    writeFileSync(path, 'model = "o"\n');
    expect(await ask(at, ["init", "--agent", "codex"])).toMatchObject({ code: 0, schema: "tidemark/init/1", data: { state: "installed", client: "codex", files: [{ path, change: "changed" }] } });
    expect(readFileSync(path, "utf8")).toContain('[mcp_servers.tidemark]\ncommand = "');
    expect(existsSync(at.config)).toBe(false);
    expect((await tidemark(at, ["init", "--agent", "codex"])).out).toContain("Already installed for Codex");
    expect(await ask(at, ["uninstall"])).toMatchObject({ code: 0, data: { state: "uninstalled", files: expect.arrayContaining([expect.objectContaining({ path, change: "restored" })]) } });
    expect(readFileSync(path, "utf8")).toBe('model = "o"\n');
  });

  test("the entry alone is printed and nothing else is on standard output", async () => {
    const at = withHome();
    const { code, out, err } = await tidemark(at, ["init", "--agent", "opencode", "--print"]);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ mcp: { tidemark: { type: "local", command: [process.execPath, expect.stringMatching(/tidemark\.js$/), "mcp"] } } });
    expect(err).toContain(join(at.cwd, ".config/opencode/opencode.json"));
    expect(JSON.parse((await tidemark(at, ["init", "--print"])).out)).toMatchObject({ mcpServers: { tidemark: {} } });
    expect(readdirSync(at.cwd)).toEqual([]);
  });

  test("one that is not there or not known, and options that do not go together, are said", async () => {
    const at = withHome();
    expect(await ask(at, ["init", "--agent", "windsurf"])).toMatchObject({ code: 0, data: { state: "planned", reason: "no-agent" } });
    expect(await ask(at, ["init", "--agent", "emacs"])).toMatchObject({ code: 1, error: { code: "BAD_VALUE", message: expect.stringContaining("codex, gemini"), hint: expect.stringContaining("--print") } });
    expect(await ask(at, ["init", "--agent", "codex", "--template", "bugfix"])).toMatchObject({ code: 1, error: { code: "BAD_VALUE" } });
  });
});
