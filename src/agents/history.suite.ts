/**
 * What every agent's history must do, in the five sentences of its port: order, atomicity, repetition, absence, lifetime.
 * Each test imports recorded files of the real client, as they are or damaged, into a store, and looks at what came of them.
 *
 * An exemption names a test, says why this history fails it, and fails itself as soon as the history no longer does.
 */
import { appendFileSync, cpSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { freshStore, NOW, scratch, tellTurn } from "../../test/helpers.ts";
import type { Event } from "../event/schema.ts";
import { importSessions, type ImportReport } from "../operations/import.ts";
import { story } from "../operations/sessions.ts";
import type { Store } from "../store/store.ts";
import { resumeCommand } from "./histories.ts";
import type { History } from "./history.ts";
import type { Places } from "./places.ts";

/** What was recorded, and what a person would tell of it. */
export interface Recorded {
  /** The folder that stands for the client's own, and where in a home that is. */
  readonly fixture: string;
  readonly folder: string;
  readonly session: string;
  readonly cwd: string;
  /** Each turn in one line, as test/helpers.ts tells it. */
  readonly told: readonly string[];
  readonly answer: string;
  readonly resume: string;
  /** The file that holds it, below the folder. */
  readonly file: string;
  /** Its first prompt, as it stands in the file. */
  readonly prompt: string;
  /** A version as it stands there, for a newer one to take its place. */
  readonly version: string;
  /** How what the file holds is changed. Lines of JSON are changed as text. */
  readonly change: Change;
  /** Makes the folder, where it is more than a copy of the fixture. */
  readonly lay?: (folder: string) => void;
}

/** Changes to the stored history, as an agent could have made them. */
export interface Change {
  /** Every occurrence of a text. */
  replace(path: string, from: string, to: string): void;
  /** Another version of the client, which writes members that nobody knows, where there is room for any. */
  newer(path: string, version: string): void;
  /** Adds a record of a kind that nobody knows. */
  strange(path: string): void;
  /** Looks as if it had been written to just now. */
  touch(path: string): void;
}

export function jsonLinesChange(strange: object): Change {
  const edit = (path: string, change: (text: string) => string): void => {
    const text = readFileSync(path, "utf8");
    expect(change(text)).not.toBe(text);
    writeFileSync(path, change(text));
  };
  return {
    replace: (path, from, to) => edit(path, (text) => text.replaceAll(from, to)),
    newer: (path, version) => edit(path, (text) => text.replaceAll(version, "99.0.0").replaceAll(/^\{/gm, '{"unheard_of":{"of":[1]},')),
    strange: (path) => appendFileSync(path, `${JSON.stringify(strange)}\n`),
    touch: (path) => utimesSync(path, new Date(NOW), new Date(NOW)),
  };
}

export interface Exemption {
  readonly test: string;
  readonly because: string;
}

/** Made at run time, so that no scanner finds one in the repository. */
const SECRET = `ghp_${"aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA1bC2".slice(0, 36)}`;

export function describeHistory(history: History, recorded: Recorded, exemptions: readonly Exemption[] = []): void {
  const { fixture, folder, session, change } = recorded;

  const lay = (): Places => {
    const home = scratch();
    if (recorded.lay === undefined) cpSync(fixture, join(home, folder), { recursive: true });
    else recorded.lay(join(home, folder));
    return { home, environment: {}, platform: process.platform };
  };
  const fileIn = ({ home }: Places): string => join(home, folder, recorded.file);
  const take = (store: Store, places: Places, paths: readonly string[] = []): Promise<ImportReport> => importSessions(store, { paths, places, scratch: scratch(), now: NOW, withinDays: 7 });
  const events = async (store: Store): Promise<Event[]> => (await store.scan(0, 100_000)).map(({ event }) => event);
  /** What was said, without the links between sessions, which depend on the order of reading. */
  const ids = async (store: Store): Promise<string[]> => (await events(store)).filter(({ type }) => type !== "session.forked").map(({ id }) => id).sort();
  const told = async (store: Store, id = session): Promise<string[]> => (await story(store, id)).turns.map((turn) => tellTurn(turn, recorded.cwd));

  describe(history.title, () => {
    const unused = new Set(exemptions.map((exemption) => exemption.test));
    const check = (title: string, body: () => Promise<void>): void => {
      const exempt = exemptions.find((exemption) => exemption.test === title);
      unused.delete(title);
      if (exempt === undefined) test(title, body);
      else test.fails(`${title} (exempt: ${exempt.because})`, body);
    };

    check("turns, answers, calls and files come out as a person would tell them", async () => {
      const store = await freshStore();
      await take(store, lay());
      expect(await told(store)).toEqual(recorded.told);
      const { summary, turns } = await story(store, session);
      expect(turns[0]!.answers.at(-1)!.payload.text).toBe(recorded.answer);
      expect(summary).toMatchObject({ agent: history.agent, cwd: recorded.cwd });
      expect(summary.tokens.output).toBeGreaterThan(0);
      expect(summary.models.length).toBeGreaterThan(0);
    });

    check("every line is accounted for, and the report names the agent", async () => {
      const report = await take(await freshStore(), lay());
      expect(report.lines).toBeGreaterThan(5);
      expect(report).toMatchObject({ accounted: report.lines, quarantined: [], missing_parents: 0, agents: [{ agent: history.agent, files: report.files, sessions: expect.any(Number), added: report.added }] });
      expect(report.agents[0]!.sessions).toBeGreaterThan(0);
    });

    check("a second import adds nothing, whether or not the files look changed", async () => {
      const [store, places] = [await freshStore(), lay()];
      const first = await take(store, places);
      const head = await store.head();
      expect(await take(store, places)).toMatchObject({ added: 0, unchanged: first.files, lines: first.lines, agents: [{ agent: history.agent, sessions: first.agents[0]!.sessions, added: 0 }] });
      change.touch(fileIn(places));
      expect(await take(store, places)).toMatchObject({ added: 0, lines: first.lines });
      expect(await store.head()).toEqual(head);
    });

    check("nothing of the agent's is written or touched", async () => {
      const places = lay();
      const before = lookOf(places.home);
      await take(await freshStore(), places);
      await take(await freshStore(), places, [fileIn(places)]);
      expect(lookOf(places.home)).toEqual(before);
    });

    check("a path that is named gives the same as the agent's own place, whatever it is called", async () => {
      const places = lay();
      const [own, named, renamed] = [await freshStore(), await freshStore(), await freshStore()];
      await take(own, places);
      await take(named, { ...places, home: scratch() }, [places.home]);
      expect(await ids(named)).toEqual(await ids(own));
      const moved = join(scratch(), "kept.log");
      cpSync(fileIn(places), moved);
      await take(renamed, { ...places, home: scratch() }, [moved]);
      expect(await told(renamed)).toEqual(recorded.told);
      const all = new Set(await ids(own));
      expect((await ids(renamed)).filter((id) => !all.has(id))).toEqual([]);
    });

    check("a file that grew gives what it gives when it is read whole", async () => {
      const places = lay();
      const [pieces, whole] = [await freshStore(), await freshStore()];
      const path = fileIn(places);
      const bytes = readFileSync(path);
      for (const part of [0.3, 0.6]) {
        const end = bytes.lastIndexOf(10, Math.floor(bytes.length * part));
        writeFileSync(path, bytes.subarray(0, end + 20));
        expect((await take(pieces, places)).quarantined).toEqual([{ file: path, line: expect.any(Number), reason: "torn: the file ends in the middle of a record" }]);
      }
      writeFileSync(path, bytes);
      expect((await take(pieces, places)).quarantined).toEqual([]);
      await take(whole, lay());
      expect(await told(pieces)).toEqual(await told(whole));
      expect(await ids(pieces)).toEqual(await ids(whole));
    });

    check("a damaged line is named, and the others are read", async () => {
      const [store, places] = [await freshStore(), lay()];
      const path = fileIn(places);
      const lines = readFileSync(path, "utf8").split("\n");
      const at = lines.findIndex((line) => line.includes(recorded.answer));
      expect(at).toBeGreaterThan(0);
      lines[at] = lines[at]!.slice(0, -3);
      writeFileSync(path, lines.join("\n"));
      const report = await take(store, places);
      expect(report.quarantined).toEqual([{ file: path, line: at + 1, reason: "damaged: not valid JSON" }]);
      expect(report.accounted).toBe(report.lines);
      expect((await told(store)).length).toBe(recorded.told.length);
    });

    check("a record of a kind nobody knows is kept as it is", async () => {
      const [store, places] = [await freshStore(), lay()];
      change.strange(fileIn(places));
      const report = await take(store, places);
      expect(report).toMatchObject({ quarantined: [], accounted: report.lines });
      expect((await events(store)).filter(({ type }) => type === "raw")).toMatchObject([{ session, payload: { record: expect.anything() } }]);
      expect(await told(store)).toEqual(recorded.told);
    });

    check("a version nobody knows is read as far as it is as before", async () => {
      const [store, places] = [await freshStore(), lay()];
      change.newer(fileIn(places), recorded.version);
      await take(store, places);
      expect(await told(store)).toEqual(recorded.told);
    });

    check("an empty file and a link that leads nowhere do not keep the others from being read", async () => {
      const [store, places] = [await freshStore(), lay()];
      const folderOf = dirname(fileIn(places));
      // A name that is like it, as the agent would give another one.
      const like = (end: string): string => join(folderOf, recorded.file.split("/").at(-1)!.replace(/\w(?=\.\w+$)/, end));
      writeFileSync(like("0"), "");
      const dead = like("f");
      symlinkSync(join(folderOf, "gone"), dead);
      const report = await take(store, places);
      expect(report.quarantined).toContainEqual({ file: dead, line: 0, reason: "cannot be read (ENOENT)" });
      expect(report.quarantined.filter(({ file }) => file !== dead && file !== like("0"))).toEqual([]);
      expect(await told(store)).toEqual(recorded.told);
    });

    check("an agent that has never run here gives nothing", async () => {
      const home = scratch();
      mkdirSync(join(home, "empty"));
      expect(await take(await freshStore(), { home: join(home, "empty"), environment: {}, platform: process.platform })).toMatchObject({ files: 0, added: 0, quarantined: [], agents: [] });
    });

    check("secrets are taken out before anything is stored", async () => {
      const [store, places] = [await freshStore(), lay()];
      change.replace(fileIn(places), recorded.prompt, `${recorded.prompt} with ${SECRET}`);
      const report = await take(store, places);
      expect(Object.keys(report.redacted)).not.toEqual([]);
      expect(JSON.stringify(await events(store))).not.toContain(SECRET);
    });

    check("times are those of the records, and never go back within a session", async () => {
      const [store, places] = [await freshStore(), lay()];
      await take(store, places);
      const times = (await story(store, session)).turns.map(({ started, ended }) => [started, ended]).flat();
      expect(times).toEqual(times.toSorted((a, b) => a - b));
      for (const { time } of await events(store)) expect(new Date(time).getUTCFullYear()).toBeGreaterThan(2024);
    });

    check("it says how the agent itself goes on in a session, with what is odd in quotes", async () => {
      expect(resumeCommand(history.agent, session, recorded.cwd)).toBe(`cd ${recorded.cwd} && ${recorded.resume}`);
      expect(resumeCommand(history.agent, "a b;c", "")).toBe(recorded.resume.replace(session, "'a b;c'"));
      expect(resumeCommand(history.agent, "--help", "/")).toBeUndefined();
    });

    test("every exemption is of a test that is there", () => void expect([...unused]).toEqual([]));
  });
}

/** Every path below a folder with its bytes and the time it was last written. */
function lookOf(folder: string): [string, number, string][] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).sort().map((name) => {
    const about = statSync(join(folder, name));
    return [name, about.mtimeMs, about.isFile() ? readFileSync(join(folder, name), "latin1") : ""];
  });
}
