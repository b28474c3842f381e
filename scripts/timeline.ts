/**
 * The picture of `tidemark checkpoints` in docs/checkpoints.md: a store with a made-up day of work is filled, the command's
 * own code prints it for a terminal, and what it prints becomes an SVG. Everything is fixed, times and ids included, so the
 * picture changes only when the command does.
 */
import { mkdirSync, realpathSync } from "node:fs";
import { join } from "node:path";
import type { Actor, Change, State } from "../src/checkpoint/model.ts";
import { command } from "../src/cli/commands/checkpoints.ts";
import type { Context } from "../src/cli/command.ts";
import { Terminal } from "../src/cli/terminal.ts";
import type { Event, EventType, Payload } from "../src/event/schema.ts";
import { record } from "../src/operations/record.ts";
import { openCheckpointStore } from "../src/store/sqlite/checkpoints.ts";
import { openSqliteStore } from "../src/store/sqlite/store.ts";

const SESSION = "7c1e40d2-5a0b-4f3e-9d61-2b8f3a6c9e10";
const BEGAN = Date.UTC(2026, 3, 14, 9, 0);
const WIDTH = 84;
const SHOWN = "/home/you/work/shop";

/** `scratch` is an empty folder. */
export async function timelinePicture(scratch: string): Promise<string> {
  const [home, root] = [join(scratch, "picture-state"), join(realpathSync(scratch), "shop")];
  mkdirSync(root, { recursive: true });
  seal(home, root);
  const log = await openSqliteStore(home);
  try {
    await record(log, events());
    let text = "";
    const stream = { write: (more: string) => ((text += more), true), isTTY: true, columns: WIDTH };
    const terminal = new Terminal({ stdout: stream, stderr: stream, noColor: false }, "checkpoints", false);
    const context: Context = { terminal, home, configDir: scratch, cwd: root, now: BEGAN + 3 * 3_600_000, version: "0", environment: {}, store: async () => log, caughtUp: async () => log };
    await command.run({ args: [], options: {}, paths: [] }, context);
    return svg(`$ tidemark checkpoints\n${text.replaceAll(root, SHOWN)}`);
  } finally {
    await log.close();
  }
}

const minutes = (n: number): number => BEGAN + n * 60_000;

function seal(home: string, tree: string): void {
  const store = openCheckpointStore(home);
  const lines = (...parts: string[]): string => parts.map((part) => `${part}\n`).join("");
  const file = (text: string, mode = 0o644): State => ({ type: "file", mode, size: text.length, content: store.put(Buffer.from(text)) });
  const agent = (turn: string, tool: string, id: string, thread?: string): Actor => ({ by: "agent", agent: "claude-code", session: SESSION, turn, calls: [{ id, tool, ...(thread === undefined ? {} : { thread }) }] });
  const step = (time: number, kind: "baseline" | "call" | "prompt" | "manual" | "restore", actor: Actor, changes: Change[], more: { note?: string; skipped?: { path: string; reason: string }[] } = {}): string =>
    store.seal({ tree, time: minutes(time), kind, actor, changes, coverage: { skipped: more.skipped ?? [] }, ...(more.note === undefined ? {} : { note: more.note }) })?.id ?? "";
  const cart = lines("export function total(items) {", "  return items.reduce((sum, item) => sum + item.price, 0);", "}");
  const discounted = lines("import { discount } from './discount';", "", "export function total(items, code) {", "  const sum = items.reduce((sum, item) => sum + item.price, 0);", "  return sum - discount(code, sum);", "}");
  const renamed = discounted.replace("total(", "subtotal(");
  const discount = lines("const CODES = { SPRING: 0.1 };", "", "export function discount(code, sum) {", "  return sum * (CODES[code] ?? 0);", "}");
  const notes = lines("# Ideas", "- gift cards", "- a wish list", "- free shipping over 50");
  store.write(() => {
    step(0, "baseline", { by: "outside" }, []);
    step(2, "call", agent("t1", "Edit", "toolu_01"), [{ path: "src/cart.js", before: file(cart), after: file(discounted) }]);
    step(3, "call", agent("t1", "Write", "toolu_02"), [{ path: "src/discount.js", before: "absent", after: file(discount) }]);
    step(14, "prompt", { by: "outside" }, [{ path: "README.md", before: file("# Shop\n"), after: file("# Shop\n\nNow with discount codes.\n") }]);
    step(21, "call", agent("t2", "Bash", "toolu_03"), [
      { path: "src/cart.js", before: file(discounted), after: file(renamed) },
      { path: "src/checkout.js", before: file("import { total } from './cart';\n"), after: file("import { subtotal } from './cart';\n") },
    ]);
    step(24, "call", agent("t2", "Bash", "toolu_04", "a1"), [{ path: "test/cart.test.js", before: "absent", after: file(lines("import { subtotal } from '../src/cart';", "", "test('empty', () => expect(subtotal([])).toBe(0));")) }]);
    step(40, "manual", { by: "outside" }, [], { note: "before the release" });
    const last = step(63, "call", agent("t3", "Bash", "toolu_05"), [
      { path: "notes/ideas.md", before: file(notes), after: "absent" },
      { path: "src/cart.js.orig", before: file(cart), after: "absent" },
    ], { skipped: [{ path: "data/catalogue.sqlite", reason: "larger than 50 MiB" }] });
    step(65, "restore", { by: "restore", verb: "undo", undoes: [last], session: SESSION }, [
      { path: "notes/ideas.md", before: "absent", after: file(notes) },
      { path: "src/cart.js.orig", before: "absent", after: file(cart) },
    ]);
  });
  store.pin(store.checkpoints(tree).find(({ note }) => note !== undefined)!.seq, true);
  store.sync();
  store.setTier(store.newest(tree), 2);
  store.close();
}

function events(): Event[] {
  const make = <T extends EventType>(type: T, id: string, time: number, payload: Payload<T>, parent?: string): Event => ({ id, time: minutes(time), type, session: SESSION, agent: "claude-code", record: id, ...(parent === undefined ? {} : { parent }), payload }) as Event;
  const turn = (n: number, time: number, text: string, calls: readonly [string, string][], before?: string): Event[] => {
    const prompt = make("prompt", `p${n}`, time, { text, kind: "user" }, before);
    let above = prompt.id;
    const made = calls.map(([id, tool]) => {
      const event = make("tool.called", id, time + 1, { tool, input: {} }, above);
      above = id;
      return event;
    });
    return [prompt, ...made, make("answer", `a${n}`, time + 5, { text: "Done." }, above)];
  };
  return [
    { ...make("session.started", `${SESSION}:started`, 0, { cwd: SHOWN, project: SHOWN, source: "hook" }) },
    ...turn(1, 1, "Add a discount code to the checkout", [["toolu_01", "Edit"], ["toolu_02", "Write"]]),
    ...turn(2, 20, "Call it subtotal everywhere, and have a test written for it", [["toolu_03", "Bash"], ["toolu_04", "Bash"]], "a1"),
    ...turn(3, 62, "Clean up what we no longer need", [["toolu_05", "Bash"]], "a2"),
  ];
}

// ---- drawing ----

const COLOURS: Readonly<Record<number, string>> = { 31: "#ff7b72", 32: "#7ee787", 33: "#e3b341", 36: "#79c0ff" };
const [CHARACTER, LINE] = [8.43, 19];

/** Text with the terminal's own codes for colour, bold and dim. */
function svg(text: string): string {
  const rows = text.replace(/\n$/, "").split("\n");
  const [width, height] = [Math.ceil(WIDTH * CHARACTER) + 40, rows.length * LINE + 36];
  const drawn = rows.map((row, i) => `<text x="20" y="${28 + i * LINE}">${spans(row)}</text>`);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="tidemark checkpoints in a terminal">`,
    `<rect width="100%" height="100%" rx="8" fill="#0d1117"/>`,
    `<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14" fill="#c9d1d9" xml:space="preserve">`,
    ...drawn,
    "</g>",
    "</svg>",
    "",
  ].join("\n");
}

function spans(row: string): string {
  let [bold, dim, colour]: [boolean, boolean, string | undefined] = [false, false, undefined];
  // eslint-disable-next-line no-control-regex
  return row.split(/(\u001b\[\d+m)/).map((part) => {
    // eslint-disable-next-line no-control-regex
    const code = /^\u001b\[(\d+)m$/.exec(part)?.[1];
    if (code === undefined) {
      if (part === "") return "";
      const fill = colour ?? (dim ? "#8b949e" : undefined);
      const style = `${fill === undefined ? "" : ` fill="${fill}"`}${bold ? ' font-weight="bold"' : ""}`;
      return `<tspan${style}>${part.replace(/&/g, "&amp;").replace(/</g, "&lt;")}</tspan>`;
    }
    const n = Number(code);
    if (n === 1) bold = true;
    else if (n === 2) dim = true;
    else if (n === 22) [bold, dim] = [false, false];
    else colour = COLOURS[n];
    return "";
  }).join("");
}
