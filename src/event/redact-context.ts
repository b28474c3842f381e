/**
 * Secrets that only their surroundings give away: a name they are assigned to
 * (env, JSON, YAML, shell, headers, flags), the user part of a URL, a PEM frame.
 *
 * Left out, on purpose: values with white space (a quoted pass phrase looks
 * like prose), all-letter values (they look like identifiers), values given by
 * position only (`login admin hunter2`), table cells, and names that are only
 * hints of a secret (`key`, `id`, `session_id`).
 */

export interface Span {
  readonly start: number;
  readonly end: number;
  readonly family: string;
  /** 0 shape, 1 context, 2 entropy: where spans overlap the lowest names the hit. */
  readonly layer: 0 | 1 | 2;
}

export type KeyKind = "password" | "secret" | "weak" | "authorization" | "basic" | "cookie" | "sas" | "account" | "value";
export interface KeyClass {
  readonly kind: KeyKind;
  readonly family: string;
}
type Mode = "quoted" | "env" | "bare";

// ---- names ----

const PASSWORD_KEY = /(?:pass_?word|passwd|pass_?phrase|pass_?code|pwd)$/;
const SECRET_KEY =
  /(?:secret|(?:^|_)secrets|api_?keys?|(?:access|secret|private|encryption|signing|master|shared|auth|service|license|webhook|deploy|admin|root|app|application|write|ingest|client|jwt|hmac|session|cookie|subscription|storage|account)_?key|secret_?key_?base|(?:^|_)(?:tokens?|tok|pat|credentials?|bearer)|(?:auth|access|refresh|id|session|bot|user|api|app|bearer|csrf|xsrf|deploy|personal|push|webhook|verification|reset|invite|npm|gh|github|gitlab|slack|service|admin|jwt)_?tokens?)$/;
const WEAK_KEY = /(?:^|_)(?:pass|pw|passw)$/;
// Counters, page cursors and names of things about a token, not the token.
const NOT_SECRET_KEY =
  /(?:max|min|num|total|input|output|prompt|completion|cached?|next|prev|page|sync|continuation|cursor|start|end|stop|pad|eos|bos|unk|mask|sep|public|budget|count|per|used|remaining|thinking|reasoning|resume|no|has|is|use|show|hide|toggle|forgot|reset_your|special|image|tool)_?(?:page_?)?(?:tokens?|tok|pass|passwords?|secrets?|api_?keys?|credentials?)$/;

const VENDOR_BY_KEY: readonly (readonly [RegExp, string])[] = [
  [/aws.*(?:secret|session)|secret_?access_?key/, "aws-secret-access-key"],
  [/datadog|^dd_|_dd_/, "datadog-key"],
  [/cloudflare|^cf_|_cf_/, "cloudflare-key"],
  [/heroku/, "heroku-key"],
  [/twilio/, "twilio-key"],
  [/vercel/, "vercel-token"],
  [/mailgun/, "mailgun-key"],
];

// Not a cache of names seen: a slice kept as a key would keep its whole megabyte text alive.
const KEY_HINT = /pass|pwd|pw|secret|tok|key|auth|cred|cookie|bearer|pat|^sig$|^value$/i;

/** What a name promises about the value assigned to it; null when nothing. */
export function classifyKey(raw: string): KeyClass | null {
  return KEY_HINT.test(raw) ? classify(raw.length > 80 ? raw.slice(-80) : raw) : null;
}

function classify(raw: string): KeyClass | null {
  const key = raw
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replace(/([A-Z])([A-Z][a-z])/g, "$1_$2")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "_")
    .replace(/(?:_(?:prod|production|dev|test|staging|live|local|old|new|value|raw|plain|text|\d+)|\d+)+_?$/, "")
    .replace(/^_+|_+$/g, "");
  if (key === "") return null;
  if (/(?:^|_)authorization$/.test(key)) return { kind: "authorization", family: "authorization" };
  if (/(?:^|_)cookie$/.test(key)) return { kind: "cookie", family: "cookie" };
  if (/(?:^|_)auth$/.test(key)) return { kind: "basic", family: "basic-auth" };
  if (key === "sig") return { kind: "sas", family: "azure-sas" };
  if (key === "account_key" || key === "shared_access_key") return { kind: "account", family: "azure-account-key" };
  if (/^value$/.test(raw)) return { kind: "value", family: "secret" };
  if (NOT_SECRET_KEY.test(key)) return null;
  const family = VENDOR_BY_KEY.find(([re]) => re.test(key))?.[1];
  if (PASSWORD_KEY.test(key)) return { kind: "password", family: family ?? "password" };
  if (SECRET_KEY.test(key)) {
    const own = /tok(?:ens?)?$|pat$|bearer$/.test(key) ? "token" : /(?:api|access)_?keys?$/.test(key) ? "api-key" : "secret";
    return { kind: "secret", family: family ?? own };
  }
  if (WEAK_KEY.test(key)) return { kind: "weak", family: "password" };
  return null;
}

// ---- values ----

const PLACEHOLDER =
  /redacted|your[-_ .]?|change[-_ ]?(?:me|it|this)|example(?!key)|placeholder|replace[-_ ]?(?:me|with)?[-_]|insert[-_]|^x+$|x{4,}|\*\*\*|\.\.\.|…|•|dummy|<[^>]*>|not[-_]?(?:set|a[-_]real)|^(?:test|fake|mock|sample|my|some|the|foo|bar|abc|secret|token|password|key)?[-_]?(?:true|false|null|none|undefined|string|number|boolean|unknown|any|void|optional|required|default|1234?5?6?7?8?9?0?)$/i;
const TEMPLATE = /\$\{|\{\{|\$\(|#\{|%[sdvqw]|%\w+%|^\$\w|^%|^\{|^\[|=>|\\[(u]/;
const CODE = /[(){}`]|^[$%@&!#[<]|\[|=>|::|->|\|\||&&|\?\?|[?:]\.|\$[A-Z_]{2,}/;
const KNOWN_MIXED =
  /base(?:16|32|36|58|62|64)(?:url)?|sha[-_]?(?:1|2|3|224|256|384|512)(?:sum)?|md[45]|oauth2?|utf[-_]?(?:8|16)(?:mb[34])?|i18n|l10n|k8s|e2e|s3|ec2|h26[45]|x509|http2|ed25519|x25519|rsa\d*|aes\d*|p(?:256|384|521)|u?int\d+|float\d+|argon2(?:id)?|bcrypt|pbkdf2|web3|p2p|b2b|x86|x64|arm64|amd64|hs(?:256|384|512)|rs(?:256|384|512)|es(?:256|384|512)|v\d+/gi;
const IDENT_CHAIN = /^[A-Za-z_$][A-Za-z_$]*\d{0,2}(?:(?:\?|!)?\.[A-Za-z_$][A-Za-z_$]*\d{0,2})+$/;
const FILE_LIKE =
  /^(?:\.{1,2}|~|[A-Za-z]:)[\\/]|\.(?:ts|js|json|ya?ml|go|py|rs|md|txt|pem|key|crt|env|toml|sh|html|css|java|rb|tsx|jsx|lock|log|sql|xml)$|^[a-z][a-z0-9+.-]*:\/\//i;

/** Whether every part of the value reads as a word, a number or a numbered word: an identifier, not a secret. */
function wordy(value: string): boolean {
  for (const piece of value.replace(KNOWN_MIXED, "").split(/[^A-Za-z0-9]+/)) {
    const m = /^([A-Za-z]*)(\d{0,8})$/.exec(piece);
    if (m === null) return false;
    const letters = m[1] ?? "";
    if (letters.length < 6) continue;
    let humps = 1;
    for (let i = 1; i < letters.length; i++) {
      const up = letters.charCodeAt(i) < 91;
      if (up !== letters.charCodeAt(i - 1) < 91 && up) humps++;
    }
    if (letters.length / humps < 2.6) return false;
    if (letters.length >= 16 && (letters.match(/[aeiouy]/gi)?.length ?? 0) / letters.length < 0.18) return false;
  }
  return true;
}

/** A random mixture of cases has more humps and fewer vowels than camelCase. */
function lettersOnly(value: string): boolean {
  if (!/^[A-Za-z]+\d{0,3}$/.test(value)) return false;
  const humps = value.match(/[a-z][A-Z]/g)?.length ?? 0;
  const vowels = value.match(/[aeiou]/gi)?.length ?? 0;
  return humps >= 3 && value.length / (humps + 1) < 5 && vowels / value.length < 0.29;
}

/** Whether a value given to a secret-sounding name is a literal secret rather than code, prose or a placeholder. */
export function isLiteralSecret(value: string, kind: KeyKind, mode: Mode): boolean {
  const n = value.length;
  const lenient = kind === "password";
  if (n < (lenient ? 6 : 8) || n > 2048 || /\s/.test(value) || PLACEHOLDER.test(value)) return false;
  if (mode === "bare" ? CODE.test(value) : TEMPLATE.test(value) || (mode === "env" && /^[$`(]|\$\(/.test(value))) return false;
  if (IDENT_CHAIN.test(value) || FILE_LIKE.test(value)) return false;
  // Base64 may begin with a slash; a path rarely has this many capitals and digits.
  if (value.startsWith("/") && !(n >= 32 && /^[A-Za-z0-9+/=]+$/.test(value) && /(?:[A-Z].*){4}/.test(value) && /(?:\d.*){2}/.test(value))) return false;
  if (new Set(value).size < 4) return false;
  const digits = value.match(/\d/g)?.length ?? 0;
  const letters = value.match(/[A-Za-z]/g)?.length ?? 0;
  const marks = /[!@#$%^&*+=~?]/.test(value.replace(/[=]+$/, ""));
  if (letters === 0) return lenient && mode !== "bare" && digits >= 6 && !/[-:/ ]/.test(value);
  if (!wordy(value)) {
    if (mode !== "bare") return digits > 0 || lenient || n >= 16;
    return digits > 0 && (digits > 1 || n >= 9 || marks);
  }
  if (mode !== "bare" && n >= 16 && lettersOnly(value)) return true;
  if (kind === "weak" || mode === "bare") return false;
  if (!lenient) return false;
  return marks || (digits > 0 && !/[-_./:\\]/.test(value));
}

const QUOTE = (c: number): boolean => c === 34 || c === 39 || c === 96;
const isKeyChar = (c: number): boolean => (c >= 97 && c <= 122) || (c >= 65 && c <= 90) || (c >= 48 && c <= 57) || c === 95 || c === 45 || c === 46;

// Last letters a secret name can have (password, secret, token, key, passphrase, ...): the cheap first look.
const KEY_END = new Uint8Array(128);
for (const c of "dtnyshegrkw0123456789") {
  KEY_END[c.charCodeAt(0)] = 1;
  KEY_END[c.toUpperCase().charCodeAt(0)] = 1;
}

interface Read {
  readonly start: number;
  readonly end: number;
  readonly mode: Mode;
}

const MAX_VALUE = 2048;

function readValue(text: string, from: number, wide: boolean): Read | null {
  const n = text.length;
  let i = from;
  let c = text.charCodeAt(i);
  while ((c === 32 || c === 9) && i - from < 12) c = text.charCodeAt(++i);
  // r"..", b'..', f".." and @"..": one letter directly before a quote.
  if (((c | 32) >= 97 && (c | 32) <= 122) || c === 64 || c === 38) {
    const d = text.charCodeAt(i + 1);
    if (QUOTE(d)) c = text.charCodeAt(++i);
  }
  let depth = 0;
  while (c === 92 && depth < 16) {
    depth++;
    c = text.charCodeAt(++i);
  }
  if (QUOTE(c)) {
    const quote = c;
    const start = i + 1;
    const limit = Math.min(n, start + MAX_VALUE);
    for (let k = start, slashes = 0; k < limit; k++) {
      const d = text.charCodeAt(k);
      if (d === 92) slashes++;
      else {
        if (d === quote && slashes <= depth) return { start, end: k - slashes, mode: "quoted" };
        if (d === 10) return null;
        slashes = 0;
      }
    }
    // A cut-off value still is one when it reaches the end of the text.
    return limit === n ? { start, end: n, mode: "quoted" } : null;
  }
  if (depth > 0) return null;
  const start = i;
  const limit = Math.min(n, start + MAX_VALUE);
  let end = start;
  for (; end < limit; end++) {
    const d = text.charCodeAt(end);
    if (d <= 32 || QUOTE(d) || d === 92 || d === 0x2028) break;
    if (!wide && (d === 44 || d === 59 || d === 38 || d === 60 || d === 62 || d === 124)) break;
    if (wide && (d === 59 || d === 38) && /^[A-Za-z_]\w{0,60}=/.test(text.slice(end + 1, end + 64))) break;
  }
  while (end > start && ",;.:)]}|&>".includes(text.charAt(end - 1))) end--;
  return end > start ? { start, end, mode: wide ? "env" : "bare" } : null;
}

const AUTH_VALUE = /\\*["'`]?(?:(?:bearer|basic|token|api-?key|negotiate|geniekey|bot|sso-key|key|splunk|pve[a-z]*)[ =:]+)?([A-Za-z0-9._~+/=:-]{8,4000})/iy;
const AUTH_SKIP = /^(?:AWS4-HMAC|Digest|bearer|basic)/i;

function authorizationValue(text: string, from: number, out: Span[]): void {
  let i = from;
  while (text.charCodeAt(i) === 32 && i - from < 8) i++;
  AUTH_VALUE.lastIndex = i;
  const m = AUTH_VALUE.exec(text);
  const token = m?.[1];
  if (m === null || token === undefined || AUTH_SKIP.test(token)) return;
  if (isCredential(token)) {
    const start = i + m[0].length - token.length;
    out.push({ start, end: trimEnd(text, start, start + token.length), family: "authorization", layer: 1 });
  }
}

function isCredential(token: string): boolean {
  return isLiteralSecret(token, "secret", "quoted") || isBasic(token);
}

/** base64 of user:password, as docker config and Basic headers carry it. */
function isBasic(token: string): boolean {
  if (token.length < 8 || token.length > 1024 || !/^[A-Za-z0-9+/_-]+={0,2}$/.test(token)) return false;
  const plain = atobSafe(token);
  return /^[\x20-\x7e]{1,}:[\x20-\x7e]{2,}$/.test(plain);
}

function atobSafe(token: string): string {
  try {
    return atob(token.replace(/-/g, "+").replace(/_/g, "/"));
  } catch {
    return "";
  }
}

function trimEnd(text: string, start: number, end: number): number {
  while (end > start && ".,;:".includes(text.charAt(end - 1))) end--;
  return end;
}

const COOKIE_NAME = /sess|sid$|token|auth|jwt|csrf|xsrf|remember|login|identity|credential|secret/i;

function cookieValue(text: string, from: number, out: Span[]): number {
  let end = from;
  const limit = Math.min(text.length, from + 8192);
  while (end < limit && text.charCodeAt(end) !== 10) end++;
  const header = text.slice(from, end);
  for (const m of header.matchAll(/([A-Za-z0-9_.-]{1,64})=([^\s;,"'\\]{8,4096})/g)) {
    const name = m[1] ?? "";
    const value = m[2] ?? "";
    if (!COOKIE_NAME.test(name)) continue;
    let plain = value;
    if (value.includes("%")) plain = value.replace(/%[0-9A-Fa-f]{2}/g, "+");
    if (!isLiteralSecret(plain, "secret", "quoted")) continue;
    const start = from + m.index + name.length + 1;
    out.push({ start, end: start + value.length, family: "cookie", layer: 1 });
  }
  return end;
}

/** The span of a value standing at `from` after a name of the given class, if it is a secret. */
function assigned(text: string, from: number, key: KeyClass, wide: boolean, out: Span[]): void {
  if (key.kind === "authorization") return authorizationValue(text, from, out);
  const v = readValue(text, from, wide);
  if (v === null) return;
  const raw = text.slice(v.start, v.end);
  if (judge(raw, key, v.mode)) out.push({ start: v.start, end: v.end, family: key.family, layer: 1 });
}

function judge(raw: string, key: KeyClass, mode: Mode): boolean {
  if (key.kind === "basic") return raw.length >= 8 && (isBasic(raw) || (raw.length >= 16 && isLiteralSecret(raw, "weak", mode)));
  if (key.kind === "sas") return /^[A-Za-z0-9%+/_-]{40,}={0,2}$/.test(raw) && /\d/.test(raw) && /[A-Z]/.test(raw) && !/^[0-9a-f]+$/.test(raw);
  if (key.kind === "account") return raw.length >= 32 && /^[A-Za-z0-9+/]+={0,2}$/.test(raw) && !wordy(raw);
  if (key.kind === "value") return false;
  if (key.family === "secret" && /KEY-----|^\{/.test(raw)) return false;
  return isLiteralSecret(raw, key.kind, mode);
}

/** Judges a whole string known to be the value of `name` (a JSON member); returns its spans. */
export function spansOfNamed(name: string, value: string): Span[] {
  const key = classifyKey(name);
  const out: Span[] = [];
  if (key === null) return out;
  if (key.kind === "authorization") authorizationValue(value, 0, out);
  else if (key.kind === "cookie") cookieValue(value, 0, out);
  else if (judge(value, key, "quoted")) out.push({ start: 0, end: value.length, family: key.family, layer: 1 });
  return out;
}

const TYPED_NAME = /([A-Za-z_]\w{1,38})\??(?: ?: ?| )&?(?:'static )?(?:string|str|String|text)$/;
const SPACED_KEY = /(?:^|[^\w])((?:api|access|secret|private|auth|encryption|signing) key)$/i;

const TYPE_WORDS = new Set(["string", "str", "String", "text"]);
const SPACED_LAST = new Set(["key", "Key", "KEY"]);

/** Looks back from a separator for the name; -1 in `start` when there is none. */
function nameBefore(text: string, sep: number): { start: number; end: number; bracket: boolean } | null {
  let j = sep - 1;
  let c = text.charCodeAt(j);
  if (c === 58 || c === 61 || c === 33 || c === 43 || c === 63) c = text.charCodeAt(--j); // := == != += ?=
  if (c === 61) c = text.charCodeAt(--j); // ===
  for (let k = 0; (c === 32 || c === 9) && k < 24; k++) c = text.charCodeAt(--j);
  let bracket = false;
  if (c === 93) {
    bracket = true;
    c = text.charCodeAt(--j);
  }
  let quoted = false;
  for (let k = 0; (QUOTE(c) || c === 92 || (c === 42 && !bracket)) && k < 16; k++) {
    quoted = true;
    c = text.charCodeAt(--j);
  }
  if (bracket && !quoted) return null;
  if (!(c < 128 && KEY_END[c] === 1)) return null;
  let k = j;
  while (k >= 0 && j - k < 64 && isKeyChar(text.charCodeAt(k))) k--;
  let start = k + 1;
  // "\npassword=" inside an escaped string: the n belongs to the escape.
  if (text.charCodeAt(k) === 92 && j - start > 1 && /[nrt]/.test(text.charAt(start))) start++;
  return { start, end: j + 1, bracket };
}

function assignments(text: string, out: Span[]): void {
  for (const sepChar of ["=", ":"]) {
    let bareUntil = 0;
    let cookieUntil = 0;
    for (let p = text.indexOf(sepChar, 1); p !== -1; p = text.indexOf(sepChar, p + 1)) {
      const next = text.charCodeAt(p + 1);
      if (sepChar === ":" && next === 47 && text.charCodeAt(p + 2) === 47) {
        url(text, p, out);
        continue;
      }
      // The last of := == === => is the one whose right side is the value.
      if (next === 61) continue;
      const name = nameBefore(text, p);
      if (name === null) continue;
      let word = text.slice(name.start, name.end);
      let key = classifyKey(word);
      if (key === null) {
        const typed = sepChar === "=" && TYPE_WORDS.has(word);
        if (!typed && !SPACED_LAST.has(word)) continue;
        const back = text.slice(Math.max(0, name.start - 40), name.end);
        const m = typed ? TYPED_NAME.exec(back) : SPACED_KEY.exec(back);
        if (m === null) continue;
        word = m[1] ?? "";
        key = classifyKey(word);
        if (key === null) continue;
      }
      if (key.kind === "value") {
        key = namedNeighbour(text, name.start);
        if (key === null) continue;
      }
      if (key.kind === "cookie") {
        // One header is one line: names repeated in it must not each read it again.
        if (p >= cookieUntil) cookieUntil = cookieValue(text, p + 1, out);
        continue;
      }
      let from = p + 1;
      if (text.charCodeAt(from) === 62) from++; // =>
      // A long unquoted stretch full of separators is read once, not once per separator.
      if (from < bareUntil) continue;
      const before = name.start > 0 ? text.charCodeAt(name.start - 1) : 10;
      const wide = sepChar === "=" && from === p + 1 && name.end === p && /^[A-Z][A-Z0-9_]*$/.test(word) && before !== 63 && before !== 38 && before !== 59;
      const found = out.length;
      assigned(text, from, key, wide, out);
      const last = out[out.length - 1];
      if (out.length > found && last !== undefined) bareUntil = last.end;
      else if (next > 32) bareUntil = skipBare(text, from);
    }
  }
}

/** End of an over-long unquoted stretch (over 2000 characters), else `from`: keeps "token=token=token=" linear. */
function skipBare(text: string, from: number): number {
  const limit = Math.min(text.length, from + MAX_VALUE);
  let i = from;
  while (i < limit && text.charCodeAt(i) > 32) i++;
  return i === from + MAX_VALUE ? i : from;
}

/** `name: DB_PASSWORD` beside `value: ...`, as Kubernetes and task definitions write it. */
function namedNeighbour(text: string, valueAt: number): KeyClass | null {
  const back = text.slice(Math.max(0, valueAt - 120), valueAt);
  const m = /(?:name|key)\\*["']?\s*[:=]\s*\\*["']?([A-Za-z0-9_.-]{3,64})\\*["']?\s*,?(?:\s|\\n|\\*["']|[-+])*$/i.exec(back);
  const key = m === null ? null : classifyKey(m[1] ?? "");
  return key !== null && (key.kind === "password" || key.kind === "secret") ? key : null;
}

const USERINFO = /:\/\/([^\s"'`<>@/:\\?#(){}|,;]{0,128}):([^\s"'`<>@\\]{1,256}?)@(?=[\w[.-])/y;
const TOKEN_USER = /:\/\/([A-Za-z0-9_-]{16,256})@(?=[\w[.-])/y;
const PLAIN_PASSWORD = /^(?:pass(?:word|wd)?|pwd|secret|token|\$.*|.*[{}<>$%].*|\*+|x+|\.+|\[.*|p|pw|…)$/i;
const WEBHOOK =
  /:\/\/(?:hooks\.slack\.com\/(?:services|workflows|triggers)\/([A-Za-z0-9/_-]{20,})|(?:\w+\.)?discord(?:app)?\.com\/api\/(?:v\d+\/)?webhooks\/(\d{15,}\/[A-Za-z0-9_-]{30,})|[\w.-]*webhook\.office\.com\/(webhookb2\/[A-Za-z0-9@/_-]{40,}))/y;

function url(text: string, colon: number, out: Span[]): void {
  USERINFO.lastIndex = colon;
  const m = USERINFO.exec(text);
  if (m !== null) {
    const user = m[1] ?? "";
    const pass = m[2] ?? "";
    // host:8080/path@x is a port, not a password.
    const port = /^\d{1,5}(?:[/?#].*)?$/.test(pass) && user !== "" && (pass.length < 6 || /[/?#]/.test(pass));
    const encoded = /%[0-9A-Fa-f]{2}/.test(pass);
    if (!port && (encoded || !PLAIN_PASSWORD.test(pass)) && !PLACEHOLDER.test(pass)) {
      const start = colon + 3 + user.length + 1;
      out.push({ start, end: start + pass.length, family: "url-password", layer: 1 });
    }
  } else {
    TOKEN_USER.lastIndex = colon;
    const user = TOKEN_USER.exec(text)?.[1];
    if (user !== undefined && isLiteralSecret(user, "secret", "quoted")) {
      out.push({ start: colon + 3, end: colon + 3 + user.length, family: "url-password", layer: 1 });
    }
  }
  const c = text.charCodeAt(colon + 3) | 32;
  if (c !== 104 && c !== 100 && c !== 112 && c !== 99 && c !== 119 && !(c >= 97 && c <= 122)) return;
  WEBHOOK.lastIndex = colon;
  const w = WEBHOOK.exec(text);
  if (w === null) return;
  const path = w[1] ?? w[2] ?? w[3] ?? "";
  if (!/\d/.test(path) || /X{6}|x{8}/.test(path)) return;
  const end = colon + w[0].length;
  out.push({ start: end - path.length, end, family: w[2] !== undefined ? "discord-webhook" : "slack-webhook", layer: 1 });
}

// ---- PEM ----

// No comma: after a key cut short it would lead on into the next JSON member.
const SEP = String.raw`(?:\s|\\+[nrt]|["'\`+>|#*-]|\d{1,6}(?:→|\t|\\+t|:|\|)){0,40}`;
const PEM_BODY = new RegExp(
  String.raw`(?:${SEP}(?:Proc-Type|DEK-Info|Version|Comment|Hash|Subject|Public-Lines|Encryption|Key-Derivation)[ :-][^\n\\]{0,120})*` +
    String.raw`((?:${SEP}[A-Za-z0-9+/=]{16,})+)(?:${SEP}[A-Za-z0-9+/]{0,14}={1,2}(?![A-Za-z0-9+/=]))?(?:(?:${SEP}[A-Za-z0-9+/=]{1,15})?${SEP}-----END[A-Z0-9 ]{0,40}-----)?`,
  "y",
);
const PEM_BEGIN = /-----BEGIN (?:[A-Z0-9]+ ){0,4}$/;
const PEM_TAIL =
  /(?:[A-Za-z0-9+/=]{16,}(?:\s|\\+[nrt]|["'+,>|-]){1,24}){1,400}(?:[A-Za-z0-9+/=]{1,80}(?:\s|\\+[nrt]|["'+,>|-]){1,24})?-----END (?:[A-Z0-9]+ ){0,4}$/;

function pem(text: string, out: Span[]): void {
  let done = 0;
  for (let p = text.indexOf("PRIVATE KEY"); p !== -1; p = text.indexOf("PRIVATE KEY", p + 11)) {
    if (p < done) continue;
    const after = /^PRIVATE KEY(?: BLOCK)?-----/.exec(text.slice(p, p + 24));
    if (after === null) continue;
    const back = text.slice(Math.max(done, p - 50), p);
    const begin = PEM_BEGIN.exec(back);
    if (begin !== null) {
      PEM_BODY.lastIndex = p + after[0].length;
      const m = PEM_BODY.exec(text);
      if (m === null || /[A-Za-z0-9+/=]{16,}/.exec(m[1] ?? "")?.[0] === undefined) continue;
      const start = p - begin[0].length;
      const gcp = /private_key\\*"\s*:\s*\\*"$/.test(text.slice(Math.max(0, start - 40), start));
      out.push({ start, end: PEM_BODY.lastIndex, family: gcp ? "gcp-service-account-key" : "private-key", layer: 0 });
      done = PEM_BODY.lastIndex;
    } else if (/-----END (?:[A-Z0-9]+ ){0,4}$/.test(back)) {
      // The head was cut off: the lines before END still are the key.
      const from = Math.max(done, p - 8192);
      const m = PEM_TAIL.exec(text.slice(from, p));
      if (m === null) continue;
      done = p + after[0].length;
      out.push({ start: from + m.index, end: done, family: "private-key", layer: 0 });
    }
  }
}

// ---- things said in other ways ----

// -u takes many things in other programs; curl and wget must be named on the line.
const USER_FLAG = /-(?:u|U|-user|-proxy-user)(?:[ =]+|(?=\\*["']))\\*["']?([^\s"':\\]{0,100}):([^\s"'\\]{3,200})/y;
const FLAG = /(--?)([A-Za-z][\w-]{0,40})(?:[ \t]+|\\*["'],\s?(?=\\*["']))/y;
const NETRC = /\blogin\s+[^\s"'\\]{1,100}\s+password\s+([^\s"'\\]{4,200})/g;
const BEARER = /earer +([A-Za-z0-9._~+/=-]{16,4000})/y;
const TAG = /<([A-Za-z][\w.:-]{0,60})>([^<>\s]{6,512})$/;
const CALL = /\(\s{0,8}\\{0,4}["']([A-Za-z][\w.-]{2,60})\\{0,4}["']\s{0,8},/y;
const AZURE_AD = /(?<=^|[^A-Za-z0-9_~.-]|\\[nrtbf]|%[0-9A-Fa-f]{2}|\[[0-9;]{0,8}m)[A-Za-z0-9_~.-]{3}\dQ~[A-Za-z0-9_~.-]{31,34}(?![A-Za-z0-9_~-])/y;

function push(out: Span[], start: number, length: number, family: string): void {
  out.push({ start, end: start + length, family, layer: 1 });
}

function flag(text: string, at: number, out: Span[]): void {
  const c = text.charCodeAt(at + 1) | 32;
  if (c === 117 || text.startsWith("--user", at) || text.startsWith("--proxy-user", at)) {
    USER_FLAG.lastIndex = at;
    const pass = USER_FLAG.exec(text)?.[2];
    if (pass !== undefined) {
      const line = text.slice(Math.max(0, text.lastIndexOf("\n", at), at - 400), at);
      if (/(?:\b|\\[nrt])(?:curl|wget|http|https)\b/.test(line) && !PLAIN_PASSWORD.test(pass) && !PLACEHOLDER.test(pass) && !TEMPLATE.test(pass)) {
        push(out, USER_FLAG.lastIndex - pass.length, pass.length, "basic-auth");
      }
      return;
    }
  }
  FLAG.lastIndex = at;
  const m = FLAG.exec(text);
  const name = m?.[2];
  if (m === null || name === undefined) return;
  let key: KeyClass | null = null;
  if (m[1] === "--" || name.length > 3) key = classifyKey(name);
  else if (name === "p" && /(?:sshpass|(?:docker|podman|helm registry) login[^\n]{0,100})\s+$/.test(text.slice(Math.max(0, at - 130), at)))
    key = classifyKey("password");
  if (key === null || key.kind === "value" || key.kind === "cookie") return;
  const v = readValue(text, FLAG.lastIndex, true);
  if (v !== null && judge(text.slice(v.start, v.end), key, v.mode)) push(out, v.start, v.end - v.start, key.family);
}

/** Every place is found by a literal search: a regular expression over the whole text costs more than all of these. */
function phrases(text: string, out: Span[]): void {
  for (let p = text.indexOf("--"); p !== -1; p = text.indexOf("--", p + 2)) {
    const c = text.charCodeAt(p + 2) | 32;
    if (c >= 97 && c <= 122 && (p === 0 || !/[\w-]/.test(text.charAt(p - 1)))) flag(text, p, out);
  }
  for (let p = text.indexOf(" -"); p !== -1; p = text.indexOf(" -", p + 2)) {
    const c = text.charCodeAt(p + 2) | 32;
    if (c >= 97 && c <= 122) flag(text, p + 1, out);
  }
  if (text.includes("password ")) {
    for (const m of text.matchAll(NETRC)) {
      const pass = m[1] ?? "";
      if (isLiteralSecret(pass, "password", "env")) push(out, m.index + m[0].length - pass.length, pass.length, "password");
    }
  }
  for (const word of ["Bearer ", "bearer "]) {
    for (let p = text.indexOf(word); p !== -1; p = text.indexOf(word, p + 7)) {
      BEARER.lastIndex = p + 1;
      const token = BEARER.exec(text)?.[1];
      if (token === undefined || !/\d/.test(token)) continue;
      const start = BEARER.lastIndex - token.length;
      const end = trimEnd(text, start, start + token.length);
      if (isLiteralSecret(text.slice(start, end), "secret", "quoted")) push(out, start, end - start, "authorization");
    }
  }
  for (let p = text.indexOf("</"); p !== -1; p = text.indexOf("</", p + 2)) {
    // The name stands in the closing tag too: most tags are sorted out there.
    const c = text.charCodeAt(p + 2);
    if (!(isKeyChar(c) && text.charCodeAt(p - 1) > 32)) continue;
    const closing = /^[\w.:-]{1,60}/.exec(text.slice(p + 2, p + 64))?.[0];
    const key = closing === undefined ? null : classifyKey(closing);
    if (key === null) continue;
    const value = TAG.exec(text.slice(Math.max(0, p - 600), p))?.[2];
    if (value !== undefined && judge(value, key, "quoted")) push(out, p - value.length, value.length, key.family);
  }
  for (let p = text.indexOf("Q~"); p !== -1; p = text.indexOf("Q~", p + 2)) {
    AZURE_AD.lastIndex = Math.max(0, p - 4);
    const m = AZURE_AD.exec(text);
    if (m !== null) push(out, m.index, m[0].length, "azure-client-secret");
  }
  // setenv("API_KEY", "value"): a name as the first argument, a literal as the second.
  for (let p = text.indexOf("("); p !== -1; p = text.indexOf("(", p + 1)) {
    const c = text.charCodeAt(p + 1);
    if (c !== 34 && c !== 39 && c !== 92 && c > 32) continue;
    CALL.lastIndex = p;
    const name = CALL.exec(text)?.[1];
    const key = name === undefined ? null : classifyKey(name);
    if (key === null || key.kind === "value" || key.kind === "cookie") continue;
    const v = readValue(text, CALL.lastIndex, false);
    if (v?.mode === "quoted" && judge(text.slice(v.start, v.end), key, "quoted")) push(out, v.start, v.end - v.start, key.family);
  }
}

export function contextSpans(text: string, out: Span[]): void {
  pem(text, out);
  assignments(text, out);
  phrases(text, out);
}
