/** Which sentences are taken for demands, decisions and dead ends, and which are not. */
import { describe, expect, test } from "vitest";
import { conversation } from "../../test/conversation.ts";
import { foldSession } from "../session/fold.ts";
import { findProse } from "./prose.ts";

function found(user: string, agent: string): ReturnType<typeof findProse> {
  return findProse(foldSession("s1", conversation((c) => (c.user(user), c.agent(agent)))).turns);
}

const texts = (list: { text: string }[]): string[] => list.map(({ text }) => text);

describe("findProse", () => {
  test.each([
    "Never commit anything to the main branch without asking me.",
    "Please make sure the public API stays as it was before.",
    "no, I meant the other config file in the root folder",
  ])("a demand of the user: %s", (text) => {
    expect(texts(found(text, "Understood, I will do so.").demands)).toEqual([text]);
  });

  test.each([
    "We'll go with SQLite instead of flat files because several processes write at once.",
    "I decided to keep the old name since callers outside depend on it.",
  ])("a decision: %s", (text) => {
    expect(texts(found("What do you think about the storage?", text).decisions)).toEqual([text]);
  });

  test.each([
    "The lock file approach did not work because NFS ignores it.",
    "Turns out the timeout is applied per request and not per batch.",
  ])("a dead end: %s", (text) => {
    expect(texts(found("What have you tried so far on this?", text).deadEnds)).toEqual([text]);
  });

  test.each(["Let me check whether the tests did not work because of this.", "Now let me verify which approach should be used here.", "This test will fail if someone reverts the change to the parser."])("narration is neither: %s", (text) => {
    const { decisions, deadEnds } = found("What are you doing right now?", text);
    expect(texts([...decisions, ...deadEnds])).toEqual([]);
  });

  test("a plan pasted into a prompt is not a list of demands", () => {
    expect(found("Implement the following plan:\n\n# Retries\n\nYou must never retry on errors of the client side.", "Done with it.").demands).toEqual([]);
  });

  test("why a call was refused, in the user's words", () => {
    const events = conversation((c) => {
      c.user("Clean the folder up for me");
      c.call("Bash", { command: "rm -rf build" }, "The user doesn't want to proceed with this tool use. To tell you how to proceed, the user said: use the clean script of the project", "rejected");
    });
    expect(texts(findProse(foldSession("s1", events).turns).demands)).toEqual(["use the clean script of the project"]);
  });

  test("the same thing said twice is told once", () => {
    const events = conversation((c) => {
      for (let i = 0; i < 3; i++) {
        c.user("Please make sure the public API stays as it was before.");
        c.agent("Yes, it stays.");
      }
    });
    expect(findProse(foldSession("s1", events).turns).demands).toHaveLength(1);
  });
});
