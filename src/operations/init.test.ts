/** Installing into real folders and taking it back: bytes, modes, links, refusals with nothing half done, kills. */
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { NOW, scratch } from "../../test/helpers.ts";
import { replaceFile } from "./entries.ts";
import { init, uninstall, type InitReport, type Machine, type UninstallReport } from "./init.ts";

interface Box {
  readonly machine: Machine;
  readonly settings: string;
  readonly account: string;
  readonly install: (options?: { dryRun?: boolean; force?: boolean; script?: string; ci?: boolean }) => InitReport;
  readonly takeBack: (dryRun?: boolean) => UninstallReport;
  /** Every path below the folder with its bytes and mode; the state folder left out. */
  readonly all: () => Record<string, string>;
}

function box(files: Record<string, string> = {}): Box {
  const root = scratch();
  const configDir = join(root, "claude");
  const machine: Machine = {
    configDir,
    accountFile: join(root, ".claude.json"),
    managedDir: join(root, "managed"),
    wiring: { node: process.execPath, script: "/opt/tidemark/dist/tidemark.js", home: join(root, "state"), spool: join(root, "state/spool"), barrier: join(root, "state/barrier"), words: join(root, "state/tell") },
    searchPath: "",
    tempDir: "/nowhere",
    ci: false,
    now: NOW,
  };
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return {
    machine,
    settings: join(configDir, "settings.json"),
    account: machine.accountFile,
    install: ({ dryRun = false, force = false, script, ci = false } = {}) => init({ ...machine, ci, wiring: script === undefined ? machine.wiring : { ...machine.wiring, script } }, { dryRun, force }),
    takeBack: (dryRun = false) => uninstall(machine, { dryRun }),
    all: () => {
      const names = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) => !name.startsWith("state")).sort();
      return Object.fromEntries(names.map((name) => {
        const about = lstatSync(join(root, name));
        return [name, `${about.mode.toString(8)} ${about.isFile() ? readFileSync(join(root, name), "latin1") : ""}`];
      }));
    },
  };
}

const SETTINGS = '\uFEFF{\r\n\t"model": "opus",\r\n\t"hooks": {"Stop":[{"hooks":[{"type":"command","command":"echo hi"}]}]}}';
const ACCOUNT = '{\n  "numStartups": 1,\n  "mcpServers": {}\n}';
const both = { "claude/settings.json": SETTINGS, ".claude.json": ACCOUNT };

const changes = (report: InitReport | UninstallReport): string[] => report.files.map(({ change }) => change);
const change = (path: string, edit: (value: any) => void): void => {
  const value = JSON.parse(readFileSync(path, "utf8").replace("\uFEFF", ""));
  edit(value);
  writeFileSync(path, JSON.stringify(value, undefined, 2));
};

describe("there and back", () => {
  test("every byte and mode is as before, and what was kept of it is gone", () => {
    const { machine, install, takeBack, all, settings } = box(both);
    chmodSync(settings, 0o640);
    const before = all();
    const report = install();
    expect(report).toMatchObject({ state: "installed", warnings: [], files: [{ change: "changed" }, { change: "changed" }] });
    expect(report.hooks.length).toBeGreaterThan(10);
    expect(statSync(settings).mode & 0o777).toBe(0o640);
    for (const { backup, path } of report.files) expect(readFileSync(backup!, "utf8")).toBe(path === settings ? SETTINGS : ACCOUNT);
    for (const folder of ["", "spool", "install/claude-code"]) expect(statSync(join(machine.wiring.home, folder)).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(join(machine.wiring.home, "install/claude-code"))) expect(statSync(join(machine.wiring.home, "install/claude-code", name)).mode & 0o777).toBe(0o600);
    expect(takeBack()).toMatchObject({ state: "uninstalled", files: [{ change: "restored" }, { change: "restored" }], warnings: [] });
    expect(all()).toEqual(before);
    expect(readdirSync(machine.wiring.home)).toEqual(["barrier", "spool"]);
    expect(takeBack()).toMatchObject({ state: "absent" });
  });

  test("files and folders that were not there before are gone again", () => {
    const { machine, install, takeBack, all, settings, account } = box({ "bin/claude": "" });
    const before = all();
    const report = init({ ...machine, searchPath: `/nowhere:${join(dirname(machine.configDir), "bin")}` }, { dryRun: false, force: false });
    expect(report).toMatchObject({ state: "installed", files: [{ change: "created", backup: null }, { change: "created", backup: null }] });
    expect([settings, account].map((path) => statSync(path).mode & 0o777)).toEqual([0o600, 0o600]);
    expect(install().state).toBe("already");
    expect(changes(takeBack())).toEqual(["deleted", "deleted"]);
    expect(all()).toEqual(before);
  });

  test("an account file that we made and the client went on with keeps what the client put there", () => {
    const { install, takeBack, account } = box({ "claude/x": "" });
    install();
    change(account, (value) => (value.numStartups = 1));
    expect(changes(takeBack())).toEqual(["deleted", "changed"]);
    expect(readFileSync(account, "utf8")).toBe('{\n  "numStartups": 1\n}');
  });

  test("a file that the client only wrote anew goes when nothing else is in it", () => {
    const { install, takeBack, settings } = box({ "claude/x": "" });
    install();
    change(settings, () => undefined);
    expect(changes(takeBack())[0]).toBe("deleted");
    expect(existsSync(settings)).toBe(false);
  });

  test("what was changed since stays, and nothing of ours does", () => {
    const { install, takeBack, settings, account } = box(both);
    install();
    change(settings, (value) => (value.theme = "dark"));
    change(account, (value) => (value.numStartups = 2));
    expect(changes(takeBack())).toEqual(["changed", "changed"]);
    expect(JSON.parse(readFileSync(settings, "utf8"))).toEqual({ ...JSON.parse(SETTINGS.slice(1)), theme: "dark" });
    expect(readFileSync(account, "utf8")).toBe(ACCOUNT.replace("1", "2"));
  });

  test("without the state folder our entries are still known by their looks", () => {
    const { machine, install, takeBack, settings, account } = box(both);
    install();
    rmSync(machine.wiring.home, { recursive: true });
    expect(changes(takeBack())).toEqual(["changed", "changed"]);
    expect(readFileSync(settings, "utf8")).toBe(SETTINGS);
    expect(JSON.parse(readFileSync(account, "utf8"))).toEqual({ numStartups: 1 });
  });

  test("kept bytes that are damaged are not given back", () => {
    const { install, takeBack, settings } = box(both);
    writeFileSync(install().files[0]!.backup!, "{}");
    const report = takeBack();
    expect(report).toMatchObject({ files: [{ change: "changed" }, { change: "restored" }], warnings: [expect.stringMatching(/kept from before .*settings\.json was changed are gone/)] });
    expect(readFileSync(settings, "utf8")).toBe(SETTINGS);
  });
});

describe("again", () => {
  test("the same changes nothing, not even a time", () => {
    const { install, settings } = box(both);
    install();
    const { mtimeNs, ino } = statSync(settings, { bigint: true });
    expect(install()).toMatchObject({ state: "already", files: [{ change: "none", backup: expect.stringContaining("settings.json") }, { change: "none" }] });
    expect(statSync(settings, { bigint: true })).toMatchObject({ mtimeNs, ino });
  });

  test("from another place the entries are brought up to date, and the first bytes still come back", () => {
    const { install, takeBack, all } = box(both);
    const before = all();
    install({ script: "/old/tidemark.js" });
    expect(install()).toMatchObject({ state: "updated", files: [{ change: "changed" }, { change: "changed" }] });
    expect(JSON.stringify(all())).not.toContain("/old/");
    expect(changes(takeBack())).toEqual(["restored", "restored"]);
    expect(all()).toEqual(before);
  });

  test("brought up to date after others have written, their changes stay when it is taken back", () => {
    const { install, takeBack, settings } = box({ "claude/x": "" });
    install({ script: "/old/tidemark.js" });
    change(settings, (value) => (value.theme = "dark"));
    expect(install().state).toBe("updated");
    takeBack();
    expect(JSON.parse(readFileSync(settings, "utf8"))).toEqual({ theme: "dark" });
  });

  test("one file lost: what is missing is added", () => {
    const { install, takeBack, all, account } = box(both);
    const before = all();
    install();
    writeFileSync(account, ACCOUNT);
    expect(install()).toMatchObject({ state: "updated", files: [{ change: "none" }, { change: "changed" }] });
    takeBack();
    expect(all()).toEqual(before);
  });

  test("killed before the first file was written: there is nothing to take back, and nothing is left over", () => {
    const { install, takeBack, all, settings, account, machine } = box(both);
    const before = all();
    install();
    writeFileSync(settings, SETTINGS);
    writeFileSync(account, ACCOUNT);
    writeFileSync(`${settings}.tidemark-new`, "torn");
    expect(takeBack().state).toBe("absent");
    expect(all()).toEqual(before);
    expect(readdirSync(machine.wiring.home)).toEqual(["barrier", "spool"]);
  });

  test("two agent folders are wired one by one and taken back at once, from either", () => {
    const one = box(both);
    const two = { ...one.machine, configDir: join(one.machine.configDir, "../other"), accountFile: join(one.machine.configDir, "../other/.claude.json") };
    mkdirSync(two.configDir);
    one.install();
    init(two, { dryRun: false, force: false });
    expect(one.takeBack()).toMatchObject({ files: [{ change: "restored" }, { change: "restored" }, { path: join(two.configDir, "settings.json"), change: "deleted" }, { path: two.accountFile, change: "deleted" }] });
    expect(readFileSync(one.settings, "utf8")).toBe(SETTINGS);
    expect(readdirSync(two.configDir)).toEqual([]);
    expect(uninstall(two, { dryRun: false })).toMatchObject({ state: "absent" });
    expect(readdirSync(one.machine.wiring.home)).toEqual(["barrier", "spool"]);
  });

  test("a folder that the environment names no more is taken back by the record; one that is gone does not hinder", () => {
    const { machine, install, all } = box(both);
    const before = all();
    install();
    const elsewhere = { ...machine, configDir: join(machine.configDir, "../other"), accountFile: join(machine.configDir, "../other/.claude.json") };
    const later = uninstall(elsewhere, { dryRun: false });
    expect(later).toMatchObject({ state: "uninstalled", warnings: [] });
    expect(changes(later)).toEqual(["none", "none", "restored", "restored"]);
    expect(all()).toEqual(before);
    install();
    rmSync(machine.configDir, { recursive: true });
    expect(changes(uninstall(elsewhere, { dryRun: false }))).toEqual(["none", "none", "none", "restored"]);
    expect(readdirSync(machine.wiring.home)).toEqual(["barrier", "spool"]);
  });

  test("a file that the record knows by another name is taken back once, and to the byte", () => {
    const { machine, install, all } = box(both);
    const before = all();
    install();
    const link = join(machine.wiring.home, "link");
    symlinkSync(machine.configDir, link);
    expect(changes(uninstall({ ...machine, configDir: link }, { dryRun: false }))).toEqual(["restored", "restored"]);
    expect(all()).toEqual(before);
    rmSync(link);
    expect(readdirSync(machine.wiring.home)).toEqual(["barrier", "spool"]);
  });

  test("an account file of the old name that appears later: the one that was wired is taken back", () => {
    const { machine, install, takeBack, account } = box(both);
    install();
    writeFileSync(join(machine.configDir, ".config.json"), "{}");
    expect(changes(takeBack())).toEqual(["restored", "none", "restored"]);
    expect(readFileSync(account, "utf8")).toBe(ACCOUNT);
    expect(readFileSync(join(machine.configDir, ".config.json"), "utf8")).toBe("{}");
  });
});

describe("nothing is written", () => {
  test.each([
    ["with --dry-run", { dryRun: true }, "dry-run"],
    ["in CI", { ci: true }, "ci"],
  ])("%s", (_, options, reason) => {
    const { install, all, machine } = box(both);
    const before = all();
    const report = install(options);
    expect(report).toMatchObject({ state: "planned", reason, files: [{ change: "changed", backup: null }, { change: "changed", backup: null }] });
    expect(report.files[0]!.patch).toMatch(/^@@ -\d.*\n\+.*: tidemark; /s);
    expect(all()).toEqual(before);
    expect(existsSync(machine.wiring.home)).toBe(false);
  });

  test("where no agent is, and in CI it is with force", () => {
    const { install, all, machine } = box();
    expect(install({ force: true })).toMatchObject({ state: "planned", reason: "no-agent" });
    expect([all(), existsSync(machine.wiring.home)]).toEqual([{}, false]);
    expect(box(both).install({ ci: true, force: true }).state).toBe("installed");
  });

  test("by uninstall with --dry-run", () => {
    const { install, takeBack, all } = box(both);
    install();
    const before = all();
    expect(takeBack(true)).toMatchObject({ state: "planned", files: [{ change: "restored", patch: expect.stringContaining("-") }, { change: "restored" }] });
    expect(all()).toEqual(before);
  });

  test("and secrets are not shown", () => {
    const key = ["sk-ant", "api03", "Zk3vPq9XwL2mN8rT5yB7cD1fG4hJ6kS0aE"].join("-");
    const { install } = box({ "claude/settings.json": `{"env":{"ANTHROPIC_API_KEY":"${key}"}}` });
    expect(install({ dryRun: true }).files[0]!.patch).not.toContain(key);
  });
});

describe("refused, with nothing half done", () => {
  test.each([
    ["settings that are no JSON", { ...both, "claude/settings.json": '{\n  "model": opus\n}' }, "CONFIG_UNREADABLE", /settings\.json is not valid JSON: line 2, column 12/],
    ["an account file that is no JSON", { ...both, ".claude.json": '{"a":1' }, "CONFIG_UNREADABLE", /\.claude\.json is not valid JSON: line 1/],
    ["settings that are no text", { ...both, "claude/settings.json": "\xff\xfe{" }, "CONFIG_UNREADABLE", /not valid JSON/],
    ["an account file that cannot be read", { "claude/settings.json": "{}", ".claude.json/x": "" }, "SETTINGS_UNWRITABLE", /cannot be read \(EISDIR\)/],
    ["another's server of our name", { ...both, ".claude.json": '{"mcpServers":{"tidemark":{"command":"x"}}}' }, "SERVER_NAME_TAKEN", /\.claude\.json/],
    ["an organization that forbids hooks", { ...both, "managed/managed-settings.d/x.json": '{"allowManagedHooksOnly":true}' }, "AGENT_FORBIDS", /x\.json has allowManagedHooksOnly, which your organization decides/],
    ["one whose settings come from a server", { ...both, "claude/remote-settings.json": '{"disableAllHooks":true}' }, "AGENT_FORBIDS", /remote-settings\.json has disableAllHooks/],
  ])("%s", (_, files, code, message) => {
    const { install, all, machine } = box(files);
    const before = all();
    expect(() => install()).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));
    expect(all()).toEqual(before);
    expect(existsSync(machine.wiring.home)).toBe(false);
  });

  test("bytes that are not UTF-8", () => {
    const { install, settings } = box(both);
    writeFileSync(settings, Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]));
    expect(() => install()).toThrow(expect.objectContaining({ code: "CONFIG_UNREADABLE", message: expect.stringContaining("not UTF-8") }));
  });

  test("a file closed to writing, also to the superuser", () => {
    const { install, all, account } = box(both);
    chmodSync(account, 0o400);
    const before = all();
    expect(() => install()).toThrow(expect.objectContaining({ code: "SETTINGS_UNWRITABLE" }));
    expect(all()).toEqual(before);
  });

  test("the second file cannot be written: the first has its bytes again, and what was kept is gone", () => {
    const { install, all, account, machine } = box({ "claude/settings.json": SETTINGS });
    // A link into a place where no folder can be made.
    symlinkSync("/proc/none/of/this", account);
    const before = all();
    expect(() => install()).toThrow(expect.objectContaining({ code: "SETTINGS_UNWRITABLE", message: expect.stringContaining(".claude.json") }));
    expect(all()).toEqual(before);
    expect(readdirSync(machine.wiring.home)).toEqual(["barrier", "spool"]);
  });

  test("a file that another program writes to at that moment keeps what it wrote", () => {
    const { settings, all } = box(both);
    const before = all();
    const replace = (expected: string | undefined): void => replaceFile({ path: settings, target: settings, mode: 0o600 }, expected === undefined ? undefined : Buffer.from(expected), Buffer.from("ours"));
    for (const expected of ["{}", undefined]) expect(() => replace(expected)).toThrow(expect.objectContaining({ code: "SETTINGS_CHANGED", hint: "Repeat the command." }));
    expect(all()).toEqual(before);
    replace(SETTINGS);
    expect(readFileSync(settings, "utf8")).toBe("ours");
  });

  test("a state folder that cannot be used", () => {
    const { install, all } = box({ ...both, state: "a file" });
    const before = all();
    expect(() => install()).toThrow(expect.objectContaining({ code: "HOME_UNWRITABLE" }));
    expect(all()).toEqual(before);
  });

  test("taking back from settings that are no JSON any more", () => {
    const { install, takeBack, settings, all } = box(both);
    install();
    writeFileSync(settings, `${readFileSync(settings, "utf8")},`);
    const before = all();
    expect(() => takeBack()).toThrow(expect.objectContaining({ code: "CONFIG_UNREADABLE" }));
    expect(all()).toEqual(before);
  });
});

describe("said", () => {
  const warned = (files: Record<string, string>, more: Partial<Machine> = {}): string[] => init({ ...box(files).machine, ...more }, { dryRun: true, force: false }).warnings;

  test.each([
    ["a plugin of Tidemark beside it", { "claude/settings.json": '{"enabledPlugins":{"tidemark@tidemark":true,"other@x":true}}' }, /^the plugin of Tidemark is enabled as well/],
    ["the user's disableAllHooks", { "claude/settings.json": '{"disableAllHooks":true}' }, /^hooks will not run: .*settings\.json has disableAllHooks\. Take that line out/],
    ["an organization's own servers", { "claude/x": "", "managed/managed-mcp.json": "{}" }, /^the engine will not run: .*managed-mcp\.json/],
    ["settings of an organization that cannot be read", { "claude/x": "", "managed/managed-settings.json/x": "" }, /managed-settings\.json could not be read \(EISDIR\)/],
  ])("%s", (_, files, words) => expect(warned(files)).toEqual([expect.stringMatching(words)]));

  test("a place that gets cleaned up, with the way out", () => {
    const wiring = { node: "/usr/bin/node", script: "/home/u/.npm/_npx/ab12/node_modules/tidemark/dist/tidemark.js", home: "/h", spool: "/h/spool", barrier: "/h/barrier", words: "/h/tell" };
    expect(warned(both, { wiring })).toEqual([expect.stringMatching(/_npx.*npm install -g tidemark && tidemark init$/)]);
    expect(warned(both, { wiring: { ...wiring, script: "/tmp/x/tidemark.js" }, tempDir: "/tmp" })).toHaveLength(1);
    expect(warned(both, { tempDir: "/opt/tide" })).toEqual([]);
  });
});

describe("where the files are", () => {
  test("links stay links, and what they lead to is changed and restored", () => {
    const { install, takeBack, settings, all, machine } = box({ "dotfiles/claude.json": SETTINGS, "claude/x": "" });
    const target = join(dirname(machine.configDir), "dotfiles/claude.json");
    symlinkSync("../dotfiles/claude.json", settings);
    const before = all();
    install();
    expect(lstatSync(settings).isSymbolicLink()).toBe(true);
    expect(readFileSync(target, "utf8")).toContain(": tidemark; ");
    takeBack();
    expect(all()).toEqual(before);
    expect(realpathSync(settings)).toBe(target);
  });

  test("a link that leads to nothing yet gets its file where it points", () => {
    const { install, takeBack, settings, all, machine } = box({ "dotfiles/x": "", "claude/x": "" });
    symlinkSync("../dotfiles/new.json", settings);
    const before = all();
    install();
    expect(existsSync(join(dirname(machine.configDir), "dotfiles/new.json"))).toBe(true);
    takeBack();
    expect(all()).toEqual(before);
  });

  test("an account file of the old name is the one the client goes by", () => {
    const { install, takeBack, account, machine } = box({ "claude/.config.json": ACCOUNT });
    expect(install().files[1]!.path).toBe(join(machine.configDir, ".config.json"));
    expect(existsSync(account)).toBe(false);
    expect(changes(takeBack())[1]).toBe("restored");
  });
});
