/** Which commands a shell line runs, whether one failed, and which line says why. */
import { describe, expect, test } from "vitest";
import { commandHeads, failed, failureLine } from "./commands.ts";

describe("commandHeads", () => {
  test.each([
    ["cd x && go test ./... -run Foo | tail", ["go test ./..."]],
    ["FOO=1 npm run build 2>&1", ["npm run build"]],
    ["git status; git commit -m 'a; b'", []],
    ["cat <<'EOF' > x\nrm everything now\nEOF\nmake all fast", ["make all fast"]],
    ["python -c \"import os; print(1)\"", ["python -c '…'"]],
  ])("%s", (line, heads) => {
    expect(commandHeads(line)).toEqual(heads);
  });
});

describe("failureLine", () => {
  test.each([
    ["Exit code 2\nbuilding\nsrc/a.ts(3,1): error TS2304: Cannot find name 'x'.", "src/a.ts(3,1): error TS2304: Cannot find name 'x'."],
    ["Exit code 1", "Exit code 1"],
    ["", ""],
  ])("%j", (output, line) => {
    expect(failureLine(output)).toBe(line);
  });
});

describe("failed", () => {
  test.each([
    ["failed", "Exit code 1", true], ["returned", "ok", false], ["returned", "ok  \tpkg\nFAIL\tother", true], ["returned", "no error: all is well", false], ["rejected", "", false], [undefined, "", false],
  ] as const)("%s with %j: %s", (outcome, output, is) => {
    expect(failed({ ...(outcome === undefined ? {} : { outcome }), output })).toBe(is);
  });
});
