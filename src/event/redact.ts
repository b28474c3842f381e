/**
 * Takes secrets out of text before Tidemark writes it to disk: `redactText` for
 * one string, `redactValue` for a JSON value, whose member names count as
 * context. Three layers: shapes of known keys (redact-families.ts), surroundings
 * (redact-context.ts), and long random tokens (below).
 *
 * It is a filter against accidents, not a proof of absence. Left out: secrets of
 * letters only, pass phrases with spaces, bare hex (a git or sha256 hash looks
 * the same), values encoded once more (base64 of a .env file), and personal data.
 */
import { CONTEXTUAL, SHAPED, type Family, type ShapedFamily } from "./redact-families.ts";
import { classifyKey, contextSpans, spansOfNamed, type Span } from "./redact-context.ts";

export interface Redaction {
  text: string;
  hits: Record<string, number>;
}

export const FAMILIES: readonly Family[] = [...SHAPED, ...CONTEXTUAL].map(({ name, description }) => ({ name, description }));

const MARK = "[redacted:";

// ---- where to look: long runs of token characters ----

const TOKEN = 1;
const ALNUM = 2;
const CLASS = new Uint8Array(128);
for (let c = 0; c < 128; c++) {
  const s = String.fromCharCode(c);
  if (/[A-Za-z0-9]/.test(s)) CLASS[c] = TOKEN | ALNUM;
  else if (/[_\-+/=]/.test(s)) CLASS[c] = TOKEN;
}
const classOf = (c: number): number => (c < 128 ? (CLASS[c] as number) : 0);

/** No shaped family is shorter than this without a break, so one probe per 20 characters finds every candidate. */
const RUN = 20;

const DISPATCH: (readonly ShapedFamily[] | undefined)[] = Array.from({ length: 128 * 128 });
const BEHIND_BREAK: ShapedFamily[] = [];
for (const family of SHAPED) {
  for (const start of family.starts) {
    if (start === "?") {
      BEHIND_BREAK.push(family);
      continue;
    }
    const second = start.charAt(1);
    const seconds = second === "?" ? Array.from({ length: 128 }, (_, c) => c).filter((c) => (classOf(c) & ALNUM) !== 0) : [second.charCodeAt(0)];
    for (const c of seconds) {
      const at = (start.charCodeAt(0) << 7) | c;
      const list = DISPATCH[at] ?? [];
      if (!list.includes(family)) DISPATCH[at] = [...list, family];
    }
  }
}

function matchAt(text: string, at: number, family: ShapedFamily): Span | null {
  let started = false;
  for (const s of family.starts) {
    if (s.charAt(s.length - 1) === "?" || text.startsWith(s, at)) {
      started = true;
      break;
    }
  }
  if (!started) return null;
  family.re.lastIndex = at;
  const m = family.re.exec(text);
  // A run of one or two characters (ghp_xxxxxxxx) is a placeholder.
  if (m === null || new Set(m[0].slice(-16)).size < 5) return null;
  return { start: at, end: at + m[0].length, family: family.name, layer: 0 };
}

function tryAt(text: string, at: number, out: Span[]): number {
  const a = text.charCodeAt(at);
  const b = text.charCodeAt(at + 1);
  if (a > 127 || b > 127) return 0;
  const list = DISPATCH[(a << 7) | b];
  if (list === undefined) return 0;
  for (const family of list) {
    const hit = matchAt(text, at, family);
    if (hit !== null) {
      out.push(hit);
      if (family.name === "aws-access-key-id") awsPair(text, hit, out);
      return hit.end;
    }
  }
  return 0;
}

function tryBroken(text: string, at: number, out: Span[]): number {
  let end = tryAt(text, at, out);
  for (const family of BEHIND_BREAK) {
    const hit = matchAt(text, at, family);
    if (hit !== null) {
      out.push(hit);
      end = Math.max(end, hit.end);
    }
  }
  return end;
}

/** The secret half usually stands right beside the key id (credentials CSV, `aws configure` output). */
function awsPair(text: string, id: Span, out: Span[]): void {
  const from = Math.max(0, id.start - 200);
  const near = text.slice(from, id.end + 300);
  for (const m of near.matchAll(/(?<![A-Za-z0-9+/=_-])[A-Za-z0-9+/]{40}(?![A-Za-z0-9+/=_-])/g)) {
    const s = m[0];
    if (/[a-z]/.test(s) && /[A-Z]/.test(s) && /\d/.test(s) && classChanges(s) > 14) {
      out.push({ start: from + m.index, end: from + m.index + 40, family: "aws-secret-access-key", layer: 0 });
    }
  }
}

/** Letters before `at` that belong to an escape (\n, %3D, ESC[31m, \u0022), not to a word. */
function escapeBefore(text: string, at: number): boolean {
  const near = text.slice(Math.max(0, at - 12), at);
  return /(?:\\[nrtbfv]|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|%[0-9A-Fa-f]{2}|\[[0-9;]{0,8}m)$/.test(near);
}

function runAt(text: string, start: number, end: number, out: Span[], entropy: boolean): void {
  let skip = 0;
  const before = start > 0 ? text.charCodeAt(start - 1) : 0;
  if (before === 46 || before === 58) {
    // ya29.<run>, SG.<run>, dp.pt.<run>, 123456789:<run>: the start lies up to two short parts back.
    let at = start - 1;
    for (let parts = 0; parts < 2 && at > 0; parts++) {
      let q = at;
      while (q > 0 && at - q < 20 && (classOf(text.charCodeAt(q - 1)) & TOKEN) !== 0 && !"/=+".includes(text.charAt(q - 1))) q--;
      if (q === at) break;
      skip = Math.max(skip, tryBroken(text, q, out));
      // "\nSG." : the part starts with the escape's letter.
      const c = q > 0 ? text.charCodeAt(q - 1) : 0;
      if (skip <= start && (c === 92 || c === 37 || c === 91 || c === 59)) {
        for (let i = q + 1; i < q + 6; i++) if (escapeBefore(text, i)) skip = Math.max(skip, tryBroken(text, i, out));
      }
      at = q - 1;
      if (text.charCodeAt(at) !== 46) break;
    }
  }
  // A run never holds \\ or %, so only its first letters can belong to an escape.
  let soft = -1;
  if (before === 92 || before === 37 || before === 91 || before === 59) {
    for (let i = start + 1; i < start + 6; i++) if (escapeBefore(text, i)) soft = i;
  }
  let inWord = false;
  let tries = 0;
  for (let i = start; i < end; i++) {
    if (((CLASS[text.charCodeAt(i)] as number) & ALNUM) === 0) {
      inWord = false;
      continue;
    }
    if (inWord && i !== soft) continue;
    inWord = true;
    const c = text.charCodeAt(i + 1);
    if (i < skip || c > 127 || DISPATCH[(text.charCodeAt(i) << 7) | c] === undefined) continue;
    // Bounds the work in megabytes of one unbroken run, where open-ended patterns would each read far ahead.
    if (++tries > 400) break;
    skip = Math.max(skip, tryAt(text, i, out));
  }
  if (entropy && end - start >= 32 && skip <= start) randomTokens(text, start, end, out);
}

function scanRuns(text: string, out: Span[], entropy: boolean): void {
  const n = text.length;
  let pos = 0;
  while (pos + RUN <= n) {
    let k = pos + RUN - 1;
    while (k >= pos) {
      const c = text.charCodeAt(k);
      if (c > 127 || CLASS[c] === 0) break;
      k--;
    }
    if (k >= pos) {
      pos = k + 1;
      continue;
    }
    let end = pos + RUN;
    while (end < n) {
      const c = text.charCodeAt(end);
      if (c > 127 || CLASS[c] === 0) break;
      end++;
    }
    runAt(text, pos, end, out, entropy);
    pos = end + 1;
  }
}

// ---- entropy ----

function classChanges(s: string): number {
  let changes = 0;
  let last = -1;
  for (let i = 0; i < s.length; i++) {
    const c = s.charCodeAt(i);
    const k = c < 58 && c > 47 ? 0 : c < 91 && c > 64 ? 1 : c > 96 ? 2 : 3;
    if (k !== last && last !== -1) changes++;
    last = k;
  }
  return changes;
}

const PUBLIC_ID =
  /^(?:[A-Za-z]+[_-])*(?:toolu|srvtoolu|msg|req|call|chatcmpl|cmpl|resp|rs|run|thread|asst|file|gen|batch|step|evt|fc|ws|conv|event|session|cs|pi|cus|prod|price|sub|ch|in|acct|org|user|proj|container)[_-]/;
const NOT_RANDOM_BEFORE =
  /(?:sha\d{1,3}["']?\s{0,2}[-:=]\s{0,2}["']?|SHA256:|h1:|base64,|integrity["\s:=]{1,4}|:\/\/[^\s"'<>`]*|[~.$@/\\]|(?:id|ids|hash|digest|checksum|signature|sig|etag|cursor|nonce|fingerprint|thumbprint|commit|revision|rev|version|uuid|mappings|sourcemap|public_?key|pub_?key\d*|challenge|pin|cert|certificate|data|image|content|blob|bytes|body|encrypted_content|integrity|resolved|ref|oid|sri|anchor|etags|trace|traceparent|slug|path|file|name|url|uri|href|src)["']?\\{0,4}["']?\s{0,2}[=:]\s{0,2}\\{0,4}["']?)$/i;
const MIN_RANDOM = 32;
const MAX_RANDOM = 200;

function randomTokens(text: string, start: number, end: number, out: Span[]): void {
  let from = start;
  // KEY=value and a=b: the sign splits unless it is padding.
  for (let i = start; i <= end; i++) {
    const c = i < end ? text.charCodeAt(i) : 61;
    if (c !== 61) continue;
    let stop = i;
    while (stop < end && stop - i < 2 && text.charCodeAt(stop) === 61) stop++;
    const whole = stop === end ? end : i;
    if (i - from >= MIN_RANDOM) randomToken(text, from, whole, start, end, out);
    i = stop === i ? i : stop - 1;
    from = stop;
  }
}

function randomToken(text: string, rawStart: number, rawEnd: number, runStart: number, runEnd: number, out: Span[]): void {
  let start = rawStart;
  if (start > 0 && text.charCodeAt(start - 1) === 92 && /[nrt]/.test(text.charAt(start))) start++;
  while (start < rawEnd && (classOf(text.charCodeAt(start)) & ALNUM) === 0) start++;
  const end = rawEnd;
  const n = end - start;
  if (n < MIN_RANDOM || n > MAX_RANDOM) return;
  let upper = 0;
  let lower = 0;
  let digit = 0;
  let other = 0;
  let changes = 0;
  let numbers = 0;
  let last = 3;
  for (let i = start; i < end; i++) {
    const c = text.charCodeAt(i);
    let k = 3;
    if (c >= 97) {
      lower++;
      k = 2;
    } else if (c >= 65 && c <= 90) {
      upper++;
      k = 1;
    } else if (c >= 48 && c <= 57) {
      digit++;
      if (last !== 0) numbers++;
      k = 0;
    } else other++;
    if (k !== last && k !== 3 && last !== 3) changes++;
    last = k;
  }
  if (upper < 4 || lower < 4 || digit < 3 || numbers < 2 || other * 6 > n || changes < n * 0.42) return;
  const token = text.slice(start, end);
  if (shannon(token) < 4.1 || PUBLIC_ID.test(token) || /^(?:AAAA|MII[A-Z]|ey[JA])/.test(token)) return;
  if (/[/_+-]/.test(token) && Math.max(...token.split(/[/_+-]/).map((p) => p.length)) < 12) return;
  const before = text.slice(Math.max(0, start - 200), start);
  if (NOT_RANDOM_BEFORE.test(before)) return;
  const after = text.charCodeAt(runEnd);
  if (after === 37 && /^%2[BF]/i.test(text.slice(runEnd, runEnd + 3))) return;
  if (runEnd < text.length && (after === 46 || after === 64) && (classOf(text.charCodeAt(runEnd + 1)) & ALNUM) !== 0) return;
  if (rawStart === runStart && rawEnd === runEnd && inBlob(text, runStart, runEnd)) return;
  out.push({ start, end, family: "high-entropy", layer: 2 });
}

function shannon(s: string): number {
  const counts = new Map<string, number>();
  for (const c of s) counts.set(c, (counts.get(c) ?? 0) + 1);
  let bits = 0;
  for (const k of counts.values()) bits -= (k / s.length) * Math.log2(k / s.length);
  return bits;
}

/** A line of a longer base64 body (certificate, signature, image): the line before or after is one too. */
function inBlob(text: string, start: number, end: number): boolean {
  const next = /^(?:\s|\\+[nr]|["'+,]){1,24}[A-Za-z0-9+/=]{16,}(?:\s|\\|["']|$)/;
  if (end - start >= 60 && next.test(text.slice(end, end + 120))) return true;
  return /(?:^|[\s"'\\]n?)[A-Za-z0-9+/=]{60,}(?:\s|\\+[nr]|["'+,]){1,24}$/.test(text.slice(Math.max(0, start - 130), start));
}

// ---- putting it together ----

function merged(spans: Span[]): Span[] {
  spans.sort((a, b) => a.start - b.start || b.end - a.end);
  const out: Span[] = [];
  for (const s of spans) {
    const prev = out[out.length - 1];
    if (prev === undefined || s.start >= prev.end) out.push(s);
    else {
      const named = s.layer < prev.layer ? s : prev;
      out[out.length - 1] = { start: prev.start, end: Math.max(prev.end, s.end), family: named.family, layer: named.layer };
    }
  }
  return out;
}

function touchesMark(text: string, s: Span): boolean {
  const open = text.lastIndexOf(MARK, s.end - 1);
  if (open === -1) return false;
  const close = text.indexOf("]", open);
  return open >= s.start || (close !== -1 && close >= s.start && close - open < 60);
}

function replace(text: string, spans: Span[], hits: Record<string, number>): string {
  const marked = text.includes(MARK);
  let out = "";
  let at = 0;
  for (const s of merged(spans)) {
    // A context rule must not swallow or re-mark what an earlier pass put there.
    if (marked && touchesMark(text, s)) continue;
    out += text.slice(at, s.start) + MARK + s.family + "]";
    at = s.end;
    hits[s.family] = (hits[s.family] ?? 0) + 1;
  }
  return at === 0 ? text : out + text.slice(at);
}

const ENTROPY_FREE_KEY =
  /^(?:signature|thinkingSignature|encrypted_content|integrity|data|hash|digest|etag|cursor|.*[iI]ds?|uuid|.*[hH]ash|.*(?:Cursor|_cursor|UUID|_uuid|Uuid))$/;

interface NameTraits {
  readonly named: boolean;
  readonly entropy: boolean;
}
const traitsOfName = new Map<string, NameTraits>();

/** Member names repeat millions of times over a few hundred values. */
function traits(name: string): NameTraits {
  let t = traitsOfName.get(name);
  if (t === undefined) {
    t = { named: classifyKey(name) !== null, entropy: !ENTROPY_FREE_KEY.test(name) };
    if (traitsOfName.size < 2000 && name.length < 64) traitsOfName.set(name, t);
  }
  return t;
}

function redactString(text: string, hits: Record<string, number>, name: string | null): string {
  const about = name === null ? null : traits(name);
  let current = text;
  // What a replacement leaves beside itself may now stand free and match: run until nothing changes.
  for (let pass = 0; pass < 4; pass++) {
    const spans: Span[] = name !== null && about?.named === true ? spansOfNamed(name, current) : [];
    if (current.length >= 8) {
      if (current.length >= RUN) scanRuns(current, spans, about?.entropy !== false);
      // Ids, paths and the like are most of the strings of a session and can hold no context.
      if (current.length > 64 || /[=: (<~,]/.test(current)) contextSpans(current, spans);
    }
    if (spans.length === 0) break;
    const next = replace(current, spans, hits);
    if (next === current) break;
    current = next;
  }
  return current;
}

export function redactText(text: string): Redaction {
  const hits: Record<string, number> = {};
  return { text: redactString(text, hits, null), hits };
}

export function redactValue<T>(value: T): { value: T; hits: Record<string, number> } {
  const hits: Record<string, number> = {};
  return { value: walk(value, null, hits) as T, hits };
}

function walk(value: unknown, name: string | null, hits: Record<string, number>): unknown {
  if (typeof value === "string") return redactString(value, hits, name);
  if (Array.isArray(value)) {
    let copy: unknown[] | null = null;
    for (let i = 0; i < value.length; i++) {
      const old: unknown = value[i];
      const next = walk(old, name, hits);
      if (next !== old && copy === null) copy = value.slice(0, i);
      copy?.push(next);
    }
    return copy ?? value;
  }
  if (typeof value !== "object" || value === null) return value;
  const members = value as Record<string, unknown>;
  const label = labelOf(members);
  let changed: Map<string, unknown> | null = null;
  let renamed: Map<string, string> | null = null;
  for (const key in members) {
    const old = members[key];
    const next = walk(old, label !== null && key === "value" ? label : key, hits);
    if (next !== old) (changed ??= new Map()).set(key, next);
    if (key.length >= 16) {
      const safe = redactString(key, hits, null);
      if (safe !== key) (renamed ??= new Map()).set(key, safe);
    }
  }
  if (changed === null && renamed === null) return value;
  const out: [string, unknown][] = [];
  const taken = new Set<string>();
  for (const key of Object.keys(members)) {
    const base = renamed?.get(key) ?? key;
    let name = base;
    // Two secret keys of one family must not fall together and lose a member.
    for (let i = 2; taken.has(name); i++) name = `${base} #${i}`;
    taken.add(name);
    out.push([name, changed?.has(key) === true ? changed.get(key) : members[key]]);
  }
  // fromEntries defines members, so a key named __proto__ stays a plain member.
  return Object.fromEntries(out);
}

/** {"name": "API_KEY", "value": "..."}: the name member tells what the value is. */
function labelOf(members: Record<string, unknown>): string | null {
  if (typeof members["value"] !== "string") return null;
  for (const k of ["name", "key", "Name", "Key"]) {
    const label = members[k];
    if (typeof label === "string" && label.length < 80 && classifyKey(label) !== null) return label;
  }
  return null;
}
