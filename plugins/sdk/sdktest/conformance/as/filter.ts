// The conformance plugin in AssemblyScript: CONFORMANCE.md says what it does.
import * as mtad from "../../../assemblyscript/mtad";
import { Errno, Level, Match, Value, Verdict } from "../../../assemblyscript/mtad";
export { mtad_abi_1 } from "../../../assemblyscript/mtad";

// The arguments of a command: what is left of them.
class Args {
  constructor(public rest: string) {}

  raw(): string {
    const n = this.rest.indexOf(" ");
    const w = n < 0 ? this.rest : this.rest.substring(0, n);
    this.rest = n < 0 ? "" : this.rest.substring(n + 1);
    return w;
  }

  word(): string { return unescaped(this.raw()); }

  last(): string { return unescaped(this.rest); }

  number(): i64 {
    const w = this.raw();
    let n: i64 = 0;
    for (let i = w.startsWith("-") ? 1 : 0; i < w.length; i++) n = n * 10 + (w.charCodeAt(i) - 48);
    return w.startsWith("-") ? -n : n;
  }

  int(): i32 { return <i32>this.number(); }

  size(): i32 { return <i32>min<i64>(max<i64>(this.number(), 0), 4096); }
}

function unescaped(s: string): string {
  if (s == "-") return "";
  let out = "";
  for (let i = 0; i < s.length; i++) {
    const next = s.charAt(i) == "\\" ? s.charAt(i + 1) : "";
    let meant = "";
    if (next == "n") meant = "\n";
    else if (next == "r") meant = "\r";
    else if (next == "0") meant = "\0";
    else if (next == "\\") meant = "\\";
    if (meant != "") i++;
    out += meant != "" ? meant : s.charAt(i);
  }
  return out;
}

// What a command says: "" is silence here, and what is said begins with a space.
function number(n: i64): string { return " " + n.toString(); }

function done(e: Errno): string { return e < 0 ? number(e) : ""; }

function bytes(v: Value): string { return v.found ? " " + v.text : number(v.errno); }

function match(m: Match): string {
  if (!m.found) return number(m.errno);
  return number(m.begin) + " " + mtad.property("scan.end") + " " + mtad.property("scan.match");
}

function random(n: i32): string {
  const p = Uint8Array.wrap(mtad.random(n));
  for (let i = 1; i < p.length; i++) if (p[i] != p[0]) return " ok";
  return " all the same";
}

const unknown = " unknown";

function base(name: string, a: Args): string {
  if (name == "get") return bytes(mtad.get(a.last()));
  if (name == "set") return done(mtad.set(a.word(), a.last()));
  if (name == "hdr_count") return number(mtad.hdrCount());
  if (name == "hdr_get") return bytes(mtad.hdrGet(a.int(), a.int()));
  if (name == "hdr_find") {
    const from = a.int();
    return number(mtad.hdrFind(a.last(), from));
  }
  if (name == "rcpt_count") return number(mtad.rcptCount());
  if (name == "rcpt_get") return bytes(mtad.rcptGet(a.int(), a.int()));
  if (name == "body_size") return number(mtad.bodySize());
  if (name == "body_read") return bytes(mtad.bodyRead(a.number(), a.size()));
  if (name == "msg_read") return bytes(mtad.msgRead(a.number(), a.size()));
  if (name == "reply") return done(mtad.reply(a.int(), a.word(), a.last()));
  if (name == "config") return bytes(mtad.config(a.last()));
  if (name == "now") return number(mtad.now(a.int() == 1));
  if (name == "random") return random(a.size());
  if (name == "stash_get") return bytes(mtad.stashGet(a.int(), a.last()));
  if (name == "stash_set") return done(mtad.stashSet(a.int(), a.word(), a.last()));
  if (name == "counter") return done(mtad.counter(a.word(), a.number()));
  if (name == "feature") return number(mtad.feature(a.last()) ? 1 : 0);
  if (name == "trap") unreachable();
  return edit(name, a);
}

function edit(name: string, a: Args): string {
  if (name == "hdr_add") {
    const pos = a.int();
    return done(mtad.hdrAdd(a.word(), a.last(), pos));
  }
  if (name == "hdr_set") return done(mtad.hdrSet(a.int(), a.last()));
  if (name == "hdr_del") return done(mtad.hdrDel(a.int()));
  if (name == "body_begin") return done(mtad.bodyBegin());
  if (name == "body_write") return done(mtad.bodyWrite(a.last()));
  if (name == "body_end") return done(mtad.bodyEnd());
  if (name == "env_from") return done(mtad.envFrom(a.last()));
  if (name == "rcpt_add") {
    const flags = a.int();
    return done(mtad.rcptAdd(a.last(), flags));
  }
  if (name == "rcpt_del") return done(mtad.rcptDel(a.int()));
  return service(name, a);
}

function service(name: string, a: Args): string {
  if (name == "map_get") return bytes(mtad.mapGet(a.word(), a.last()));
  if (name == "kv_get") return bytes(mtad.kvGet(a.last()));
  if (name == "kv_set") {
    const ttl = a.int();
    return done(mtad.kvSet(a.word(), a.last(), ttl));
  }
  if (name == "kv_incr") {
    const ttl = a.int(), delta = a.number();
    return number(mtad.kvIncr(a.last(), delta, ttl));
  }
  if (name == "kv_del") return done(mtad.kvDel(a.last()));
  if (name == "dns") return bytes(mtad.dns(a.int(), a.last()));
  if (name == "words") {
    const text = a.int(), from = a.number();
    return match(mtad.words(a.last(), text, from));
  }
  if (name == "regexp") {
    const text = a.int(), from = a.number();
    return match(mtad.regexp(a.last(), text, from));
  }
  if (name == "hash") return bytes(mtad.hash(a.int(), a.int()));
  if (name == "mime_part") return bytes(mtad.mimePart(a.int(), a.int()));
  if (name == "mime_read") return bytes(mtad.mimeRead(a.int(), a.number(), a.size()));
  if (name == "rcpt_status") return done(mtad.rcptStatus(a.int(), a.int(), a.word(), a.last()));
  return unknown;
}

function holds(a: Args): bool {
  if (a.rest == "") return true;
  const v = mtad.get(a.word());
  return v.found && v.text == a.last();
}

function run(hook: string): Verdict {
  const lines = mtad.config(hook).text.split("\n");
  let verdict: Verdict = Verdict.Continue;
  let on = true;
  for (let i = 0; i < lines.length; i++) {
    if (lines[i] == "") continue;
    const a = new Args(lines[i]);
    const name = a.raw();
    if (name == "when") on = holds(a);
    else if (!on) continue;
    else if (name == "return") verdict = a.int();
    else if (name == "log") {
      const level = a.int();
      mtad.log(level, a.last());
    } else {
      const said = base(name, a);
      if (said != "") mtad.log(Level.Info, lines[i] + ":" + said);
    }
  }
  return verdict;
}

export function mtad_init(): i32 { return run("init"); }
export function mtad_connect(): Verdict { return run("connect"); }
export function mtad_helo(): Verdict { return run("helo"); }
export function mtad_auth(): Verdict { return run("auth"); }
export function mtad_mail(): Verdict { return run("mail"); }
export function mtad_rcpt(): Verdict { return run("rcpt"); }
export function mtad_data(): Verdict { return run("data"); }
export function mtad_headers(): Verdict { return run("headers"); }
export function mtad_body(): Verdict { return run("body"); }
export function mtad_eom(): Verdict { return run("eom"); }
export function mtad_abort(): Verdict { return run("abort"); }
export function mtad_rewrite(): Verdict { return run("rewrite"); }
export function mtad_route(): Verdict { return run("route"); }
export function mtad_deliver(): Verdict { return run("deliver"); }
export function mtad_lookup(): Verdict { return run("lookup"); }
export function mtad_event(): Verdict { return run("event"); }
