/**
 * Every secret here is made at run time from fragments and a seeded generator,
 * so that no scanner (ours included) finds a secret in this file.
 */
import { describe, expect, it } from "vitest";
import { FAMILIES, redactText, redactValue } from "./redact.ts";

const SEED = 20260401;
function mulberry32(a: number): () => number {
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
const random = mulberry32(SEED);
const int = (n: number): number => Math.floor(random() * n);
const of = (alphabet: string, n: number): string => Array.from({ length: n }, () => alphabet.charAt(int(alphabet.length))).join("");
const UP = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const LOW = UP.toLowerCase();
const DIG = "0123456789";
const b62 = (n: number): string => of(UP + LOW + DIG, n);
const b64 = (n: number): string => of(UP + LOW + DIG + "+/", n);
const url64 = (n: number): string => b62(1) + of(UP + LOW + DIG + "-_", n - 2) + b62(1);
const hex = (n: number): string => of("0123456789abcdef", n);
const uuid = (): string => [8, 4, 4, 4, 12].map(hex).join("-");
const j = (...parts: string[]): string => parts.join("");
const json64 = (o: unknown): string => Buffer.from(JSON.stringify(o)).toString("base64url");
const jwt = (): string => [json64({ alg: "HS256", typ: "JWT" }), json64({ sub: b62(8), iat: int(1e9) }), url64(43)].join(".");
const pem = (type: string, newline: string): string =>
  [`-----BEGIN ${type}-----`, ...Array.from({ length: 6 }, () => b64(64)), b64(20) + "==", `-----END ${type}-----`].join(newline);
const word = (): string => ["hunter", "maple", "river", "tiger", "orchid"][int(5)] as string;
const password = (): string => `${word()}${1 + int(9)}${of("xyzkq", 3)}${int(100)}`;

interface Planted {
  /** The whole text to plant. */
  readonly text: string;
  /** What must not survive. */
  readonly secret: string;
}
const plain = (secret: string): Planted => ({ text: secret, secret });
const inside = (before: string, secret: string, after = ""): Planted => ({ text: before + secret + after, secret });

/** Shaped families: told by the secret alone, so they may stand anywhere. */
const SHAPED: Record<string, () => Planted> = {
  "aws access key id": () => plain(j("AK", "IA", of(UP + "234567", 16))),
  "aws session key id": () => plain(j("AS", "IA", of(UP + "234567", 16))),
  "github classic": () => plain(j("gh", of("pousr", 1), "_", b62(36))),
  "github fine-grained": () => plain(j("github", "_pat_", b62(22), "_", b62(59))),
  gitlab: () => plain(j("glp", "at-", url64(20))),
  anthropic: () => plain(j("sk-", "ant-api03-", url64(93), "AA")),
  "anthropic oauth": () => plain(j("sk-", "ant-oat01-", url64(93), "AA")),
  "openai legacy": () => plain(j("sk", "-", b62(20), "T3Blbk", "FJ", b62(20))),
  "openai project": () => plain(j("sk", "-proj-", url64(74), "T3Blbk", "FJ", url64(74))),
  "openai service account": () => plain(j("sk", "-svcacct-", url64(60))),
  "deepseek-like sk-": () => plain(j("sk", "-", hex(32))),
  openrouter: () => plain(j("sk", "-or-v1-", hex(64))),
  "google api": () => plain(j("AI", "za", url64(35))),
  "google oauth": () => plain(j("ya", "29.", url64(120))),
  "google client secret": () => plain(j("GOC", "SPX-", url64(28))),
  "slack bot": () => plain(j("xo", "xb-", of(DIG, 12), "-", of(DIG, 13), "-", b62(24))),
  "slack app": () => plain(j("xa", "pp-1-A", of(UP + DIG, 10), "-", of(DIG, 13), "-", hex(64))),
  "slack webhook": () => {
    const secret = j("T", of(UP + DIG, 10), "/B", of(UP + DIG, 10), "/", b62(24));
    return inside(j("https://hooks.", "slack.com/services/"), secret);
  },
  "stripe live": () => plain(j("sk", "_live_", b62(24))),
  "stripe restricted": () => plain(j("rk", "_live_", b62(40))),
  "stripe test": () => plain(j("sk", "_test_", b62(99))),
  "stripe webhook": () => plain(j("wh", "sec_", b62(32))),
  "twilio key": () => plain(j("S", "K", hex(32))),
  "twilio account": () => plain(j("A", "C", hex(32))),
  sendgrid: () => plain(j("S", "G.", url64(22), ".", url64(43))),
  mailgun: () => plain(j("ke", "y-", hex(32))),
  npm: () => plain(j("np", "m_", b62(36))),
  pypi: () => plain(j("py", "pi-AgEIcHlwaS5vcmc", url64(150))),
  "docker hub": () => plain(j("dck", "r_pat_", url64(27))),
  "hugging face": () => plain(j("h", "f_", of(UP + LOW, 34))),
  digitalocean: () => plain(j("do", "p_v1_", hex(64))),
  heroku: () => plain(j("HR", "KU-", uuid())),
  netlify: () => plain(j("nf", "p_", b62(36))),
  supabase: () => plain(j("sb", "p_", hex(40))),
  linear: () => plain(j("lin", "_api_", b62(40))),
  "notion old": () => plain(j("sec", "ret_", b62(43))),
  "notion new": () => plain(j("nt", "n_", b62(46))),
  sentry: () => plain(j("sntr", "ys_", b64(80).replace(/[+/]/g, "a"), "_", b62(43))),
  telegram: () => plain(j(of("123456789", 10), ":A", "A", url64(33))),
  "discord bot": () => plain(j("M", of("TNDzjk", 1), b62(22), ".", url64(6), ".", url64(38))),
  "discord webhook": () => {
    const secret = j(of("123456789", 18), "/", url64(68));
    return inside(j("https://dis", "cord.com/api/webhooks/"), secret);
  },
  shopify: () => plain(j("shp", "at_", hex(32))),
  square: () => plain(j("sq", "0csp-", url64(43))),
  databricks: () => plain(j("da", "pi", hex(32))),
  "grafana service account": () => plain(j("gl", "sa_", b62(32), "_", hex(8))),
  "grafana cloud": () => plain(j("gl", "c_eyJv", b62(80))),
  vault: () => plain(j("hv", "s.", url64(90))),
  "terraform cloud": () => plain(j(b62(14), ".atla", "sv1.", url64(67))),
  age: () => plain(j("AGE-SEC", "RET-KEY-1", of(UP + DIG, 58))),
  jwt: () => plain(jwt()),
  "azure client secret": () => plain(j(b62(3), int(10).toString(), "Q", "~", url64(33))),
  "postgres url": () => {
    const p = password();
    return inside("postgres://app:", p, "@db.internal:5432/main");
  },
  "mongodb url": () => {
    const p = b62(16);
    return inside("mongodb+srv://svc:", p, "@cluster0.ab1cd.mongodb.net/x");
  },
  "redis url": () => inside("redis://:", b62(20), "@cache:6379/0"),
  "amqp url": () => inside("amqp://worker:", password(), "@mq:5672/"),
  "mysql url": () => inside("mysql://root:", `${password()}!`, "@127.0.0.1/app"),
  "basic auth url": () => inside("https://deploy:", b62(18), "@git.example.org/x.git"),
  postman: () => plain(j("PM", "AK-", hex(24), "-", hex(34))),
  "new relic": () => plain(j("NR", "AK-", of(UP + DIG, 27))),
  pulumi: () => plain(j("pu", "l-", hex(40))),
  groq: () => plain(j("gs", "k_", b62(52))),
  figma: () => plain(j("fi", "gd_", url64(40))),
  doppler: () => plain(j("d", "p.pt.", b62(43))),
  rubygems: () => plain(j("ruby", "gems_", hex(48))),
  "random base64 token": () => plain(b62(6) + "0a1B2c" + b62(36)),
};

/** Secrets told by the name they are assigned to. */
const NAMED: Record<string, { key: string; make: () => string }> = {
  "aws secret access key": { key: "AWS_SECRET_ACCESS_KEY", make: () => b64(40) },
  "aws session token": { key: "AWS_SESSION_TOKEN", make: () => b64(300) },
  "twilio auth token": { key: "TWILIO_AUTH_TOKEN", make: () => hex(32) },
  "datadog api key": { key: "DD_API_KEY", make: () => hex(32) },
  "datadog app key": { key: "DATADOG_APP_KEY", make: () => hex(40) },
  "cloudflare api token": { key: "CLOUDFLARE_API_TOKEN", make: () => url64(40) },
  "heroku api key": { key: "HEROKU_API_KEY", make: () => uuid() },
  "vercel token": { key: "VERCEL_TOKEN", make: () => b62(24) },
  "generic password": { key: "DB_PASSWORD", make: password },
  "generic secret": { key: "SESSION_SECRET", make: () => b62(24) },
  "generic api key": { key: "ACME_API_KEY", make: () => b62(20) },
  "generic token": { key: "DEPLOY_TOKEN", make: () => hex(20) },
  "azure storage key": { key: "AccountKey", make: () => b64(86) + "==" },
  "client secret": { key: "OAUTH_CLIENT_SECRET", make: () => url64(32) },
};

type Context = (p: Planted) => string;
const SHAPED_CONTEXTS: Record<string, Context> = {
  "tool output": ({ text }) => `$ ./run.sh\nconnected using ${text}, done.\nexit 0`,
  "end of sentence": ({ text }) => `The value was ${text}.`,
  json: ({ text }) => JSON.stringify({ ok: true, note: text, n: 1 }),
  "json in json": ({ text }) => JSON.stringify({ stdout: JSON.stringify({ note: text, next: "x" }) }),
  "json of lines": ({ text }) => JSON.stringify({ stdout: `first\n${text}\nlast` }),
  diff: ({ text }) => `@@ -1,2 +1,2 @@\n-const a = "${text}"\n+${text}\n context`,
  "env dump": ({ text }) => `PATH=/usr/bin\nSOMETHING=${text}\nHOME=/root\n`,
  yaml: ({ text }) => `services:\n  web:\n    thing: ${text}\n    port: 80\n`,
  shell: ({ text }) => `export THING='${text}' && ./deploy --with "${text}"`,
  "read output": ({ text }) => `    12→  thing: \`${text}\`,\n    13→}`,
  "coloured log": ({ text }) => `\u001b[31m${text}\u001b[0m`,
  markdown: ({ text }) => `| name | value |\n| x | ${text} |\n(${text})`,
};
const QUERY_CONTEXT: Context = ({ text }) => `GET https://api.example.org/v1/x?a=1&access_token=${text}&page=2 200`;

const NAMED_CONTEXTS: Record<string, (key: string, value: string) => string> = {
  "env dump": (k, v) => `PATH=/usr/bin\n${k}=${v}\nHOME=/root`,
  export: (k, v) => `$ export ${k}=${v}\n$ export ${k}="${v}"`,
  json: (k, v) => JSON.stringify({ a: 1, [k]: v, b: 2 }),
  "json in json": (k, v) => JSON.stringify({ body: JSON.stringify({ [k]: v, b: 2 }) }),
  "json of env": (k, v) => JSON.stringify({ stdout: `A=1\n${k}=${v}\nB=2` }),
  yaml: (k, v) => `env:\n  ${k}: ${v}\n  OTHER: 1`,
  "yaml list": (k, v) => `env:\n  - name: ${k}\n    value: "${v}"\n`,
  diff: (k, v) => `-${k}=old\n+${k}=${v}\n+  ${k}: "${v}",`,
  code: (k, v) => `const ${k} = '${v}';\nprocess.env.${k} = "${v}"`,
  python: (k, v) => `os.environ["${k}"] = "${v}"\nos.environ.setdefault('${k}', '${v}')`,
  docker: (k, v) => `docker run -e ${k}=${v} --rm image`,
  flag: (k, v) => `app --${k.toLowerCase().replace(/_/g, "-")} ${v} --port 80`,
};

const OTHER: Record<string, () => Planted> = {
  bearer: () => inside("Authorization: Bearer ", url64(40)),
  "bearer in curl": () => inside('curl -H "Authorization: Bearer ', b62(32), '" https://x.example.org'),
  "basic header": () => inside("Authorization: Basic ", Buffer.from(`bob:${password()}`).toString("base64")),
  "token header": () => inside("authorization: token ", hex(40)),
  "x-api-key header": () => inside("-H 'X-Api-Key: ", b62(32), "'"),
  cookie: () => inside("Cookie: theme=dark; session=", url64(44), "; lang=en"),
  "set-cookie": () => inside("Set-Cookie: connect.sid=s%3A", b62(32), "; Path=/; HttpOnly"),
  "curl -u": () => inside("curl -s -u admin:", password(), " https://x.example.org/"),
  "query token": () => inside("https://x.example.org/cb?token=", b62(24), "&state=1"),
  "sas sig": () => inside("https://a.blob.core.windows.net/c?sv=2022&se=1&sig=", b62(40) + "%2B" + b62(1) + "%3D"),
  "connection string": () => inside("DefaultEndpointsProtocol=https;AccountName=a;AccountKey=", b64(86) + "==", ";EndpointSuffix=x"),
  "ado.net": () => inside("Server=db;User Id=sa;Password=", `${password()}#A`, ";Encrypt=true"),
  npmrc: () => inside("//registry.npmjs.org/:_authToken=", uuid()),
  "npmrc _auth": () => inside("_auth=", Buffer.from(`ci:${password()}`).toString("base64")),
  netrc: () => inside("machine api.example.org login bob password ", password()),
  "docker config": () => inside('{"auths":{"https://index.docker.io/v1/":{"auth":"', Buffer.from(`bob:${password()}`).toString("base64"), '"}}}'),
  "pem block": () => {
    const secret = pem(j("RSA PRIV", "ATE KEY"), "\n");
    return inside("$ cat key\n", secret, "\n$");
  },
  "pem escaped": () => inside('{"private_key": "', pem(j("PRIV", "ATE KEY"), "\\n"), '\\n"}'),
  "pem escaped twice": () => inside('{\\"k\\": \\"', pem(j("EC PRIV", "ATE KEY"), "\\\\n"), '\\"}'),
  "openssh in a diff": () => inside("+", pem(j("OPENSSH PRIV", "ATE KEY"), "\n+")),
  "pem in read output": () => inside("     1\t", pem(j("PRIV", "ATE KEY"), "\n     2\t")),
  "pem cut short": () => {
    const secret = pem(j("PRIV", "ATE KEY"), "\n").slice(0, 200);
    return { text: `key:\n${secret}`, secret };
  },
  "pem without its head": () => {
    const secret = pem(j("PRIV", "ATE KEY"), "\n").slice(100);
    return { text: secret, secret: secret.slice(0, 200) };
  },
  "pgp block": () => inside("", pem(j("PGP PRIV", "ATE KEY BLOCK"), "\n")),
  "aws pair": () => inside(`${j("AK", "IA", of(UP + "234567", 16))}, `, b64(20) + "a1B2c" + b64(15)),
  "go literal": () => inside('apiKey := "', b62(24), '"'),
  "typed constant": () => inside('const apiKey: string = "', b62(24), '";'),
  "xml element": () => inside("<password>", `${password()}`, "</password>"),
  "ruby hash": () => inside(":password => '", password(), "',"),
  sshpass: () => inside("sshpass -p ", `'${password()}'`, " ssh host"),
};

/** Secrets of several lines: no line of the body may survive. */
const survives = (output: string, secret: string): boolean =>
  secret.split(/(?:\\+n|\n)[+\s\d]*/).some((part) => part.length >= 6 && !part.startsWith("-----") && output.includes(part));

describe("recall", () => {
  const ROUNDS = 12;
  const misses: string[] = [];
  const perFamily = new Map<string, [number, number]>();
  let total = 0;
  const check = (family: string, context: string, text: string, secret: string): void => {
    total++;
    const count = perFamily.get(family) ?? [0, 0];
    count[1]++;
    const out = redactText(text).text;
    if (survives(out, secret)) misses.push(`${family} in ${context}: ${text.slice(0, 160)} => ${out.slice(0, 160)}`);
    else count[0]++;
    perFamily.set(family, count);
  };
  for (let round = 0; round < ROUNDS; round++) {
    for (const [family, make] of Object.entries(SHAPED)) {
      for (const [context, wrap] of Object.entries(SHAPED_CONTEXTS)) {
        const p = make();
        check(family, context, wrap(p), p.secret);
      }
      const p = make();
      if (!p.text.includes("://")) check(family, "url", QUERY_CONTEXT(p), p.secret);
    }
    for (const [family, { key, make }] of Object.entries(NAMED)) {
      for (const [context, wrap] of Object.entries(NAMED_CONTEXTS)) {
        const value = make();
        check(family, context, wrap(key, value), value);
      }
    }
    for (const [family, make] of Object.entries(OTHER)) {
      const p = make();
      check(family, "itself", p.text, p.secret);
      const q = make();
      check(family, "lines", `before\n${q.text}\nafter`, q.secret);
      const r = make();
      check(family, "json", JSON.stringify({ stdout: `before\n${r.text}\nafter` }), r.secret);
    }
  }

  it("finds at least 99% of what was planted", () => {
    const recall = (total - misses.length) / total;
    console.log(`recall ${recall.toFixed(4)} (${total - misses.length} of ${total}), seed ${SEED}`);
    if (misses.length > 0) console.log(misses.join("\n"));
    expect(perFamily.size).toBeGreaterThanOrEqual(35);
    expect(recall, misses.slice(0, 20).join("\n")).toBeGreaterThanOrEqual(0.99);
  });

  it("has no family it is bad at", () => {
    const weak = [...perFamily].filter(([, [found, all]]) => found / all < 0.9).map(([family, [found, all]]) => `${family} ${found}/${all}`);
    expect(weak).toEqual([]);
  });
});

describe("what must not change", () => {
  const sha1 = hex(40);
  const sha256 = hex(64);
  const md5 = hex(32);
  const lines = [
    "const token = process.env.GITHUB_TOKEN;",
    'const password = await promptPassword("Password: ");',
    'password := os.Getenv("DB_PASSWORD")',
    'api_key = os.environ["API_KEY"]',
    "token: ${{ secrets.GITHUB_TOKEN }}",
    "export TOKEN=$(gh auth token)",
    'export API_KEY="${API_KEY:-}"',
    "PASSWORD=changeme",
    "API_KEY=your-api-key",
    "API_KEY=your_api_key_here",
    "TOKEN=xxxxxxxxxxxxxxxxxxxx",
    "TOKEN=<token>",
    '"token": "<your-token>"',
    '"password": "string"',
    '"password": { "type": "string" }',
    "password: string;",
    "secret: clientSecret,",
    "token = tokenResult",
    "if (token === undefined) return null;",
    "token: refreshToken2,",
    "const secret = config.auth.secret1;",
    "type Props = { apiKey?: string; token: Token | null }",
    '{"max_tokens": 8192, "input_tokens": 12345678, "cache_read_input_tokens": 98765432}',
    'nextPageToken: "CAUQAA12345678"',
    "secretKeyRef: { name: db-credentials-v2, key: password }",
    "password: base64url",
    "auth: oauth2",
    "token_type: bearer",
    "Authorization: Bearer <token>",
    "Authorization: Bearer ${token}",
    "headers.authorization = 'Bearer ' + token",
    'curl -u "$USER:$PASS" https://example.org',
    "git log -u foo:bar/baz",
    "postgres://user:password@localhost/db",
    "postgres://${USER}:${PASS}@localhost/db",
    "https://user:<password>@example.org",
    "http://localhost:8080/path/to@thing",
    "git@github.com:owner/repo.git",
    "ssh://git@github.com:22/owner/repo.git",
    `commit ${sha1}`,
    `sha256:${sha256}`,
    `ETag: "${md5}"`,
    `id: ${uuid()}`,
    `"integrity": "sha512-${b64(86)}=="`,
    `golang.org/x/sys v0.20.0 h1:${b64(43)}=`,
    `"id":"toolu_01${b62(22)}"`,
    `"id":"msg_01${b62(22)}"`,
    `request req_011${b62(21)} chatcmpl-${b62(29)}`,
    `https://cdn.example.org/assets/${b62(44)}/main.js`,
    `![](data:image/png;base64,${b64(150)})`,
    `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA${b62(44)} me@host`,
    `SHA256:${b64(43)} host (ED25519)`,
    "const veryLongCamelCaseIdentifierNameForTheTest2WithNumbers3 = someOtherVeryLongIdentifierName4;",
    "src/components/VeryLongDirectoryName/AnotherDirectory2/File3.tsx",
    "TestRedactSecretsWhenTheTokenIsInsideOfAJSONString123",
    "-----BEGIN CERTIFICATE-----",
    'strings.Contains(s, "-----BEGIN RSA PRIVATE KEY-----")',
    "/-----BEGIN [A-Z ]*PRIVATE KEY-----[\\s\\S]*?-----END/",
    "const re = /gh[pousr]_[A-Za-z0-9]{36}/",
    "prefix `sk-ant-` or `ghp_` then 36 characters",
    "task-1234567890abcdef1234567890abcdef12345678",
    "the password: must be at least 12 characters",
    "Secret: rotate it every 90 days",
    "keywords: [secret, password, token]",
    "| token | description |",
    "apiKeys.map((k) => k.token)",
    "passwordHash: await bcrypt.hash(password, 10)",
    "public_key: MIIBIjANBgkqhkiG9w0BAQEF",
    "pass: 120, fail: 3",
    "ok 12 - token: handles 3 segments",
    "sk_live_ and whsec_ are prefixes",
    "token ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "x-api-key: YOUR_API_KEY",
    "ANTHROPIC_API_KEY=sk-ant-...",
    "key: cache-key-node-modules-v3",
    "font-family: ui-monospace, SFMono-Regular, Menlo, Monaco, Consolas",
  ];
  it.each(lines)("%s", (line) => {
    const r = redactText(line);
    expect(r.text).toBe(line);
    expect(r.hits).toEqual({});
    expect(redactText(`+${line}\n`).text).toBe(`+${line}\n`);
  });
});

describe("shape of the result", () => {
  it("is idempotent, and byte-identical outside the hits", () => {
    for (let round = 0; round < 5; round++) {
      for (const make of [...Object.values(SHAPED), ...Object.values(OTHER)]) {
        const p = make();
        const text = `é→\u0000\r\n${p.text}\u2028 "tail" 😀`;
        const once = redactText(text);
        expect(redactText(once.text).text).toBe(once.text);
        expect(redactText(once.text).hits).toEqual({});
        const parts = once.text.split(/\[redacted:[a-z0-9-]+\]/);
        let at = 0;
        for (const [i, part] of parts.entries()) {
          const found = text.indexOf(part, at);
          expect(found, part).toBeGreaterThanOrEqual(at);
          if (i === 0) expect(found).toBe(0);
          at = found + part.length;
        }
        expect(text.endsWith(parts.at(-1) as string)).toBe(true);
        expect(Object.values(once.hits).reduce((a, b) => a + b, 0)).toBe(parts.length - 1);
      }
    }
  });

  it("keeps JSON valid", () => {
    for (const make of [...Object.values(SHAPED), ...Object.values(OTHER)]) {
      const out = redactText(JSON.stringify({ a: make().text, b: JSON.stringify({ c: make().text }) })).text;
      expect(() => JSON.parse(out) as unknown, out).not.toThrow();
      expect(Object.keys(JSON.parse(out) as object)).toEqual(["a", "b"]);
    }
  });

  it("reports only documented families", () => {
    const names = new Set(FAMILIES.map((f) => f.name));
    expect(names.size).toBe(FAMILIES.length);
    expect(names.size).toBeGreaterThanOrEqual(35);
    for (const make of [...Object.values(SHAPED), ...Object.values(OTHER)]) {
      for (const name of Object.keys(redactText(make().text).hits)) expect(names).toContain(name);
    }
  });

  it("does not mark a mark again", () => {
    const gh = j("gh", "p_", b62(36));
    expect(redactText(`https://${gh}@github.com/a/b password=${gh} token: "${gh}"`).text).toBe(
      'https://[redacted:github-token]@github.com/a/b password=[redacted:github-token] token: "[redacted:github-token]"',
    );
    const marks = FAMILIES.map((f) => `https://[redacted:${f.name}]@h [redacted:${f.name}]: a1b2c3d4e5 [redacted:${f.name}]="x9y8z7w6v5"`).join("\n");
    expect(redactText(marks).text).toBe(marks);
  });

  it("counts two secrets on one line", () => {
    const gh = j("gh", "p_", b62(36));
    const r = redactText(`${gh} ${gh}`);
    expect(r).toEqual({ text: "[redacted:github-token] [redacted:github-token]", hits: { "github-token": 2 } });
  });
});

describe("redactValue", () => {
  it("uses the member name as context", () => {
    const value = {
      password: "hunter2xyz",
      api_key: hex(24),
      headers: { authorization: `Bearer ${b62(24)}`, Cookie: `session=${b62(32)}; theme=dark`, "X-Api-Key": b62(20) },
      env: [{ name: "DB_PASSWORD", value: "tiger9zz1" }],
      tokens: [hex(32)],
      max_tokens: 100,
      file: "src/password.ts",
    };
    const r = redactValue(value);
    expect(r.value).toEqual({
      password: "[redacted:password]",
      api_key: "[redacted:api-key]",
      headers: { authorization: "Bearer [redacted:authorization]", Cookie: "session=[redacted:cookie]; theme=dark", "X-Api-Key": "[redacted:api-key]" },
      env: [{ name: "DB_PASSWORD", value: "[redacted:password]" }],
      tokens: ["[redacted:token]"],
      max_tokens: 100,
      file: "src/password.ts",
    });
    expect(r.hits).toEqual({ password: 2, "api-key": 2, authorization: 1, cookie: 1, token: 1 });
    expect(redactValue(r.value).value).toBe(r.value);
  });

  it("returns the same reference when nothing changed, and keeps untouched branches", () => {
    const clean = { a: [1, null, "x", { b: true }], password: null, token: "" };
    expect(redactValue(clean).value).toBe(clean);
    const mixed = { clean, bad: { password: "hunter2xyz" } };
    expect((redactValue(mixed).value as typeof mixed).clean).toBe(clean);
  });

  it("redacts member names, without losing a member", () => {
    const [a, b] = [j("gh", "p_", b62(36)), j("gh", "p_", b62(36))];
    expect(redactValue({ [a]: 1, [b]: 2 }).value).toEqual({ "[redacted:github-token]": 1, "[redacted:github-token] #2": 2 });
  });

  it("leaves a member called __proto__ a member", () => {
    const value: unknown = JSON.parse('{"__proto__": {"x": 1}, "password": "hunter2xyz"}');
    expect(JSON.stringify(redactValue(value).value)).toBe('{"__proto__":{"x":1},"password":"[redacted:password]"}');
  });
});

describe("time", () => {
  const MB = 1_000_000;
  const repeat = (s: string): string => s.repeat(Math.ceil(MB / s.length));
  const hostile: Record<string, string> = {
    a: repeat("a"),
    slash: repeat("/"),
    base64: b64(MB),
    url64: of(UP + LOW + DIG + "-_", MB),
    "key=": repeat("key="),
    "token=": repeat("token="),
    "TOKEN=": repeat("TOKEN="),
    "password:": repeat("password:"),
    'password: "': repeat('password: "'),
    'password="a': repeat('password="a'),
    "cookie: ": repeat("cookie: a=bbbbbbbbb;"),
    backslash: repeat("\\"),
    quote: repeat('"'),
    dash: repeat("-"),
    " -": repeat(" -"),
    "--token ": repeat("--token "),
    "-u a:": repeat(" curl -u a:"),
    "-eyJ": repeat("-eyJ"),
    "-eyJ.": repeat("-eyJaaaaaaaaaaaaaaaaaaaa."),
    "sk-ant-": repeat("sk-ant-"),
    ghp_: repeat(" ghp_aaaaaaaaaaaaaaaaaaaaa"),
    "://": repeat("://"),
    "://a:": repeat("://a:"),
    "://a:b@": repeat("://a:b1c2d3e4@h "),
    "pem begin": repeat("-----BEGIN PRIVATE KEY-----"),
    "pem body": `-----BEGIN PRIVATE KEY-----${repeat("+")}`,
    "pem end": repeat(`${"A".repeat(64)}\n-----END PRIVATE KEY-----`),
    "(": repeat("("),
    '("': repeat('("token",'),
    "</": repeat("</token>"),
    "Q~": repeat("1Q~"),
    bearer: repeat("Bearer "),
    "login password": repeat("login a password "),
    "login ": repeat("login a ") + "password ",
    spaces: repeat("password" + " ".repeat(30) + ":"),
    dots: repeat("a."),
    "name/value": repeat("name: token value: "),
    percent: repeat("%20"),
    newlines: repeat("\n"),
  };
  it.each(Object.entries(hostile))("1 MB of %s", (_name, text) => {
    // CPU time, since others may use the machine; 0.1 to 1 s is usual. A pattern that goes back over its steps takes minutes.
    const before = process.cpuUsage();
    redactText(text);
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1000).toBeLessThan(8000);
  });
});
