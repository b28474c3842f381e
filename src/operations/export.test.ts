/** A session as a file, and back. */
import { expect, test } from "vitest";
import { answer, called, event, prompt, started } from "../../test/builders.ts";
import { foldSession } from "../session/fold.ts";
import { openInProcessStore } from "../store/in-process/store.ts";
import { exportLines, exportMarkdown, readExported } from "./export.ts";

test("a line is the event, and reads back as the event it was", async () => {
  const store = await openInProcessStore();
  const events = [started("s1", "/app"), prompt("héllo\n\u2028", { record: "r", parent: "q" }), called("X", { __proto__: null, z: 1, a: [null] }, { thread: "t" })];
  await store.append(events);
  const lines = await exportLines(store, "s1");
  expect(lines.map((line) => readExported(JSON.parse(line) as Record<string, unknown>))).toEqual(events);
  expect(lines.every((line) => !line.includes("\n"))).toBe(true);
});

test("what was erased is left out; there is nothing to take back", async () => {
  const store = await openInProcessStore();
  await store.append([started("s1", "/app"), prompt("gone", { id: "p" }), answer("stays")]);
  await store.erase(["p"]);
  expect((await exportLines(store, "s1")).join("\n")).toMatch(/^(?!.*gone).*stays/s);
});

test.each([
  ["a transcript's record", { type: "user", uuid: "u", sessionId: "s", message: {} }],
  ["an event of an unknown type", { id: "x", time: 1, type: "toString", session: "s", agent: "a", payload: {} }],
  ["an event without payload", { id: "x", time: 1, type: "prompt", session: "s", agent: "a" }],
])("%s is not taken for an export", (_, value) => expect(readExported(value)).toBeUndefined());

test("as Markdown it reads as a conversation: words quoted, calls in a line, endings said", () => {
  const at = (record: string, parent?: string): object => ({ record, time: Date.UTC(2026, 0, 5, 10), ...(parent === undefined ? {} : { parent }) });
  const text = exportMarkdown(foldSession("s1", [
    started("s1", "/app", { time: Date.UTC(2026, 0, 5, 9) }), prompt("fix it\n# not a heading", at("r1")), answer("On it.", at("r2", "r1")), called("Bash", { command: "make `all`" }, { id: "c1", ...at("r3", "r2") }),
    event("tool.failed", { call: "c1", error: "no" }, at("r4", "r3")), called("Read", { file_path: "/a" }, { id: "c2", ...at("r5", "r4") }), prompt("abandoned", at("x1")), prompt("go on", at("r6", "r5")),
  ]));
  expect(text).toBe(`# fix it # not a heading

Session \`s1\` of claude-code in \`/app\`, 2026-01-05 09:00 to 2026-01-05 10:00; unanswered.

## 1. 2026-01-05 10:00

> fix it
> # not a heading

On it.

- \`Bash\` \`make 'all'\` → failed

- \`Read\` \`/a\` → outcome unknown

*interrupted*

## 2. 2026-01-05 10:00

> go on

*unanswered*

## Gone back on. 2026-01-05 10:00

> abandoned

*rewound*
`);
});
