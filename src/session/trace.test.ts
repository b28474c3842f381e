/** What a session is said to have touched, run and cited. */
import { expect, test } from "vitest";
import { answer, called, event, START } from "../../test/builders.ts";
import { traceOf } from "./trace.ts";

const about = { project: "/work/app", started: START };

test("holds each file, command and cited memory once, with the last time, subagents' included", () => {
  const events = [
    event("files.touched", { call: "c1", files: [{ path: "/work/app/src/a.ts", change: "read" }, { path: "/etc/hosts", change: "read" }] }, { time: START + 1 }),
    called("Bash", { command: "cd src && CI=1 npm test 2>&1 | tail -5" }, { time: START + 2, thread: "t1" }),
    called("Bash", { command: "git commit -m 'a; b' && npm test\n# done" }, { time: START + 3 }),
    event("files.touched", { call: "c2", files: [{ path: "/work/app/src/a.ts", change: "edited" }] }, { time: START + 4 }),
    answer("As m0123456789 says, and not m012.", { time: START + 5 }),
    called("Read", { file_path: "x" }), called("Bash", { command: 7 }), called("Bash", null),
  ];
  expect(traceOf("s1", about, events)).toEqual({
    session: "s1", started: START,
    files: [["/etc/hosts", START + 1], ["src/a.ts", START + 4]],
    commands: [["cd src", START + 2], ["CI=1 npm test 2>&1", START + 2], ["tail -5", START + 2], ["git commit -m '…'", START + 3], ["npm test", START + 3]],
    cited: [["m0123456789", START + 5]],
  });
});

test("leaves out what a fork shares with its parent, and here-documents", () => {
  const touched = (session: string, path: string) => event("files.touched", { call: "c", files: [{ path, change: "edited" as const }] }, { session });
  const trace = traceOf("s2", about, [touched("s1", "old.ts"), touched("s2", "new.ts"), called("Bash", { command: "cat > x <<'EOF'\nrm -rf /; npm test\nEOF\nls" }, { session: "s2" })]);
  expect([trace.files.map(([name]) => name), trace.commands.map(([name]) => name)]).toEqual([["new.ts"], ["cat > x", "ls"]]);
});

test("of a very long session holds what was met last", () => {
  const many = Array.from({ length: 400 }, (_, i) => event("files.touched", { call: "c", files: [{ path: `f${i}.ts`, change: "read" }] }));
  const { files } = traceOf("s1", about, [...many, event("files.touched", { call: "c", files: [{ path: "f0.ts", change: "read" }] })]);
  expect([files.length, files[0]?.[0], files.at(-1)?.[0]]).toEqual([300, "f101.ts", "f0.ts"]);
});
