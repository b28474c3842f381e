/** What calls may do to files, which of them destroy, and what no undo takes back. */
import { describe, expect, test } from "vitest";
import { effectOf, irreversible } from "./commands.ts";

const bash = (command: string, more: Record<string, unknown> = {}): ReturnType<typeof effectOf> => effectOf("Bash", { command, ...more });

describe("tools", () => {
  test.each(["Read", "Glob", "Grep", "LS", "NotebookRead", "WebFetch", "WebSearch", "TodoWrite", "Task", "TaskCreate", "Agent", "AskUserQuestion", "ExitPlanMode", "ToolSearch", "Skill", "BashOutput", "KillShell"])("%s leaves files alone", (tool) =>
    expect(effectOf(tool, { file_path: "/p/a", command: "rm x" })).toEqual({ effect: "none" }),
  );

  test.each([["Edit", "file_path"], ["Write", "file_path"], ["MultiEdit", "file_path"], ["NotebookEdit", "notebook_path"]])("%s names its path", (tool, key) => {
    expect(effectOf(tool, { [key]: "/p/a b" })).toEqual({ effect: "path", path: "/p/a b" });
    for (const input of [{}, { [key]: 3 }, { [key]: "" }, null, undefined, "x", []]) expect(effectOf(tool, input)).toEqual({ effect: "any" });
  });

  test.each(["resume", "recall", "remember", "handoff", "checkpoint", "undo", "forget"])("%s of our own server changes nothing as a tool does", (tool) => {
    for (const server of ["tidemark", "plugin_tidemark_tidemark"]) expect(effectOf(`mcp__${server}__${tool}`, {})).toEqual({ effect: "none" });
  });
  test.each(["mcp__tidemark__write", "mcp__tidemark2__undo", "mcp__x__tidemark__undo", "mcp__tidemark__undo__x", "tidemark__undo"])("%s may do anything", (tool) => expect(effectOf(tool, {})).toEqual({ effect: "any" }));
  test.each(["mcp__files__write", "mcp__x__read", "PowerShell", "EnterWorktree", "SomethingNew", "constructor", "__proto__", ""])("%s may do anything", (tool) => expect(effectOf(tool, {})).toEqual({ effect: "any" }));

  test.each([null, undefined, {}, { command: 3 }, { command: ["ls"] }])("Bash with %j may do anything", (input) => expect(effectOf("Bash", input)).toEqual({ effect: "any" }));
});

describe("shell commands that only read", () => {
  test.each([
    "ls", "ls -la src | head -5", "cd /p && git status --short", "git log --oneline -5; git diff HEAD~1 -- src", "cat a b 2>/dev/null || true", "/usr/bin/env", "/bin/ls", "grep -rn 'rm -rf' src", "grep -q \"$X\" a && echo yes",
    "find . -name '*.ts' -not -path './node_modules/*' | xargs grep -l foo", "find . -type f -exec grep -n foo {} +", "find . -exec sh -c 'wc -l \"$1\"' _ {} \\;", "sed -n '1,20p' a", "sed -n 10,20p a b", "sed 's/a/b/g; s|x|y|' a", "sed -e '/foo/d' -e '$p' a", "sed -E 's/[0-9]+//' a",
    "awk '{print $1}' a", "awk -F: '$3 == 0 { print $1 }' /etc/passwd", "sort -u a | uniq -c | sort -rn", "jq '.a > 1' x.json", "rg -n foo src", "for f in a b; do echo \"$f\"; done", "while read -r line; do echo \"$line\"; done < in", "if [ -f a ]; then cat a; fi", "[[ -f a && -d b ]] && pwd",
    "sudo -n ls /root", "timeout 5 cat a", "time git status", "lower=2; echo $lower", "LC_ALL=C sort a", "bash -c 'ls | wc -l'", "sh -c \"git log\"", "x=$(git rev-parse HEAD); echo \"$x\"", "cat <<'EOF'\nrm -rf /\nEOF", "echo done >&2", "ls > /dev/null 2>&1", "node --version && npm -v && go version", "command -v rm", "which node",
    "git branch -a", "git branch --contains abc", "git tag", "git tag -l 'v1*'", "git remote -v", "git stash list", "git stash show -p", "git config --get user.name", "git -C /p log", "git --no-pager diff", "git show HEAD:a.txt", "git reflog", "git worktree list", "git submodule status", "git ls-files -o --exclude-standard", "git blame -L 1,5 a",
    "npm ls --depth=0", "gh pr view 5", "docker ps", "date -u +%s", "date", "set -euo pipefail; ls", "tree -L 2 -I node_modules", "echo $((1 + 2))", "uniq a", "printf '%s\\n' a", "diff <(sort a) <(sort b)", "tee /dev/null < a", "test -f a # > b", "", "# nothing",
  ])("%s", (command) => expect(bash(command)).toEqual({ effect: "none" }));
});

describe("shell commands that may do anything", () => {
  test.each([
    "npm test", "make", "node -e 1", "python x.py", "./ls", "bin/ls", "/p/bin/ls", "git commit -m x", "git add .", "git fetch", "git diff --output=x", "git log --outp=x", "git -c core.pager=evil log", "git grep -O foo", "git branch new", "git branch -D old", "git tag v1", "git remote add x y", "git config user.name x", "git symbolic-ref HEAD refs/heads/x", "git notes add", "git st", "git reflog expire",
    "sed -i s/a/b/ a", "sed -ni p a", "sed --in-place p a", "sed 'w out' a", "sed 's/a/b/w out' a", "sed 's/a/b/e' a", "sed '1e rm x' a", "sed -f script a", "sed \"s/a/$X/\" a", "sed \"$X\" a", "sed 's/[/]/x/w out' a",
    "awk '{print > \"out\"}' a", "awk '{system(\"rm x\")}' a", "awk -i inplace '{print}' a", "awk -f x a", "awk \"$X\" a", "sort -o a a", "sort -uo a a", "sort --outp=a a", "sort --compress-program=x a", "uniq a b", "uniq d/*", "tree -o x", "date -s x", "rg --pre x y", "fd -x rm", "fd foo -X rm", "yq -i . a", "xxd -r a b", "less '+!x' a", "hostname new",
    "find . -fprint out", "find . -exec touch {} \\;", "find . -ok ls \\;", "find \"$X\" -name a", "find $X", "xargs touch", "xargs -I{} sh -c 'echo {}'", "ls | xargs sed -n p", "$CMD", "\"$X\" a", "`ls`", "echo `rm x`", "echo $(make)", "cat <(make)", "for f in a; do make; done", "if make; then ls; fi",
    "PATH=/evil ls", "PATH=/evil; ls", "UNHEARD_OF=1 ls", "LD_PRELOAD=x ls", "GIT_EXTERNAL_DIFF=x git diff", "export PATH=x", "env PATH=x ls", "env -S 'make'", "PATH=x sh -c ls", "path=x; ls", "alias ls=rm", "source x", ". x", "eval \"$X\"", "bash x.sh", "bash -c \"$X\"", "echo ls | bash", "trap 'make' EXIT", "f() { ls; }; f", "case x in x) ls;; esac", "a=(1); ls",
    "node version", "python -v", "make version", "ldd a", "curl http://x", "time -o f ls", "sudo -s", "ls &> out; true", "echo x >> a", "cat <<EOF\n$(make)\nEOF", "bash -c 'bash -c \"bash -c \\\"bash -c \\\\\\\"bash -c ls\\\\\\\"\\\"\"'", "read PATH", "((make); (make))", "((make) | (make))",
  ])("%s", (command) => expect(bash(command).effect).toBe("any"));

  test.each([
    "rm a", "rm -rf dir", "cd x && sudo rm -r y", "env A=1 rm x", "bash -c 'rm -rf x'", "eval 'rm x'", "find . -delete", "find . -exec rm {} +", "find . -exec sh -c 'rm \"$1\"' _ {} \\;", "ls | xargs rm", "ls | xargs -n1 rm", "timeout 5 rm x", "nohup rm x",
    "git reset --hard", "git reset --hard HEAD~1", "git checkout -- a", "git checkout .", "git checkout main", "git switch main", "git restore a", "git clean -fd", "git stash", "git stash -u", "git stash push -m x", "git stash pop", "git rebase main", "git merge x", "git pull", "git am x", "git apply x", "git worktree remove x", "git -C /p reset --hard", "git -c a=b checkout .", "git rm a",
    "mv a b", "truncate -s 0 a", "dd if=a of=b", "shred a", "rsync -a --delete a/ b/", "echo x > a", ": > a", "> a", "make &> log", "cat a | tee b", "sort a >| b", "echo x > \"$F\"",
    "for f in `ls`; do rm $f; done", "f() { rm -rf \"$1\"; }; f x", "case $x in a) git reset --hard;; esac", "x=(1 2); rm y", "gh pr checkout 5",
  ])("destroying: %s", (command) => expect(bash(command)).toMatchObject({ effect: "any", destructive: true }));

  test.each(["make", "npm test", "echo x >> a", "git commit -m 'rm -rf x'", "git reset HEAD a", "git add .", "tee -a b < a", "mkdir -p a", "cp a b", "touch a", "sed -i s/a/b/ a", "dd if=a", "node -e 'x > y'", "make 2>&1", "make > /dev/null", "rsync -a a/ b/", "git stash drop"])("not destroying: %s", (command) =>
    expect(bash(command)).toEqual({ effect: "any" }),
  );
});

describe("left running", () => {
  test.each(["npm run dev &", "nohup ./server > log 2>&1", "setsid x", "sudo nohup x", "(a &)", "make & wait", "for f in `ls`; do x & done", "x & disown", "bash -c 'x &'", "tmux new -d x"])("%s", (command) => expect(bash(command).background).toBe(true));
  test.each(["make && x", "make 2>&1", "make &> log", "grep nohup file", "echo '&'", "curl \"`x`?a=1&b=2\""])("not: %s", (command) => expect(bash(command).background).toBeUndefined());
  test("asked for", () => {
    expect(bash("tail -f log", { run_in_background: true })).toEqual({ effect: "none", background: true });
    expect(bash("ls", { run_in_background: "yes" })).toEqual({ effect: "none" });
    expect(effectOf("Bash", { run_in_background: true })).toEqual({ effect: "any", background: true });
  });
});

describe("irreversible", () => {
  test.each([
    ["git push", "git: sent commits to a remote"], ["cd x && git -C y push origin main", "git: sent commits"], ["npm publish", "published"], ["cargo publish --token x", "published"], ["twine upload dist/*", "published"], ["gh pr create -t x", "code host"], ["gh api -X POST repos/x", "code host"], ["gh api repos/x -f a=b", "code host"], ["glab mr merge 5", "code host"],
    ["curl -X POST http://x", "network"], ["curl -XDELETE http://x", "network"], ["curl -sd '{}' http://x", "network"], ["curl --data-binary @a http://x", "network"], ["wget --post-data=x http://x", "network"], ["ssh host ls", "another machine"], ["scp a host:b", "another machine"], ["rsync -a a user@host:b", "another machine"],
    ["kubectl -n prod apply -f x", "cluster"], ["terraform apply", "infrastructure"], ["aws s3 cp a s3://b", "cloud"], ["gcloud run deploy", "cloud"], ["docker push x", "registry"], ["docker compose up -d", "container"], ["psql -c 'select 1'", "database"], ["sqlite3 a.db .tables", "database"], ["npx prisma migrate dev", "database"], ["rails db:migrate", "database"], ["python manage.py migrate", "database"],
    ["kill 5", "ended a process"], ["pkill -f x", "ended a process"], ["sudo systemctl restart x", "service"], ["echo x | mail -s y z", "mail"], ["npm run dev &", "left a process running"], ["bash -c 'git push'", "sent commits"], ["env GIT_SSH=x git push", "sent commits"], ["for b in `x`; do git push origin $b; done", "sent commits"], ["FOO=1 sudo -u x git push", "sent commits"], ["apt-get install -y x", "installed"],
  ])("%s", (command, says) => expect(irreversible("Bash", { command })).toContain(says));

  test.each(["git status", "git push --dry-run", "npm test", "npm view publish", "gh pr view 5", "gh api repos/x", "gh api -X GET x", "curl http://x", "curl -fsSL http://x -o y", "wget http://x", "rsync -a a b", "kubectl get pods", "terraform plan", "aws s3 ls", "aws ec2 describe-instances", "docker ps", "kill -0 5", "systemctl status x", "psql --version", "echo git push", "rm -rf x", ""])("nothing lasting: %s", (command) =>
    expect(irreversible("Bash", { command })).toBeUndefined(),
  );

  test("several things, each once", () => expect(irreversible("Bash", { command: "git push; git push --tags; npm publish &" })).toBe("git: sent commits to a remote; npm: published a package; left a process running"));
  test("asked to run in the background", () => expect(irreversible("Bash", { command: "npm run dev", run_in_background: true })).toBe("left a process running"));

  test.each([
    ["mcp__slack__send_message", "send_message of slack"], ["mcp__github__createIssue", "createIssue of github"], ["mcp__db__deleteRows", "deleteRows of db"], ["mcp__x__update", "update of x"], ["mcp__a__b__post_it", "b__post_it of a"],
  ])("%s", (tool, says) => expect(irreversible(tool, {})).toContain(says));
  test.each(["mcp__slack__list_channels", "mcp__github__get_file", "mcp__x__sender_info", "mcp__x", "Edit", "Read", "Task"])("nothing lasting: %s", (tool) => expect(irreversible(tool, { command: "git push" })).toBeUndefined());
  test.each([null, undefined, 3, "x", {}, { command: 4 }])("Bash with %j says nothing", (input) => expect(irreversible("Bash", input)).toBeUndefined());
});
