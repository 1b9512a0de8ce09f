/**
 * mtad.ts - plugins for mtad in AssemblyScript.
 *
 *     import { Verdict, header, reject } from "./mtad";
 *     export { mtad_abi_1 } from "./mtad";
 *
 *     export function mtad_eom(): Verdict {
 *       if (header("Subject").includes("SPAM")) return reject("5.7.1", "no spam here");
 *       return Verdict.Continue;
 *     }
 *
 * The hooks that the file exports are the points at which mtad asks; what it does not call is not
 * imported. Texts are strings here and UTF-8 outside; what is no UTF-8 is read as U+FFFD, and the
 * functions of the namespace abi give the bytes. A read returns a Value, which knows whether there
 * was one: an error is not "no". Functions that change something return Errno.OK or an error.
 * docs/abi.md is the reference of what everything means.
 */

/** What a hook answers. */
export enum Verdict {
  Continue = 0,
  Accept = 1,
  Tempfail = 2,
  Reject = 3,
  Discard = 4,
  Hold = 5,
  Quarantine = 6,
  Redirect = 7,
  Filter = 8,
  Found = 9,
}

/** How a host call fails. Only NotFound is "no". */
export enum Errno {
  OK = 0,
  NotFound = -1,
  Denied = -2,
  Invalid = -3,
  Limit = -4,
  Stage = -5,
  Again = -6,
  Unsupported = -7,
  InputOutput = -8,
}

export enum Level { Debug, Info, Warn, Error }
/** How long a stashed value lives. */
export enum Scope { Connection, Message }
/** The parts of a header field: its name, its value unfolded and trimmed, the field as it came. */
export enum Part { Name, Value, Raw }
/** The parts of a recipient: its address, the address as given, the parameters of RCPT. */
export enum RcptPart { Addr, Original, Params }
/** The texts that the scan functions look at; Part + i is MIME part i, decoded. */
export enum Text { Message = 0, Header = 1, Body = 2, Decoded = 3, Part = 16 }
export enum Hash { MD5, SHA1, SHA256 }
/** Types of DNS records, as the DNS numbers them. */
export enum DNS { A = 1, NS = 2, CNAME = 5, PTR = 12, MX = 15, TXT = 16, AAAA = 28, SRV = 33, TLSA = 52 }
/** What can be said of a MIME part; Content is its decoded content. */
export enum MIME { Content, Type, Name, Charset, Disposition, Size }

/** The host's functions: ABI 1 call by call, with pointers and lengths of bytes. */
export namespace abi {
  // @ts-ignore: decorator
  @external("mtad1", "get") export declare function get(kp: usize, kn: usize, buf: usize, cap: usize): i32;
  // @ts-ignore: decorator
  @external("mtad1", "set") export declare function set(kp: usize, kn: usize, vp: usize, vn: usize): i32;
  // @ts-ignore: decorator
  @external("mtad1", "hdr_count") export declare function hdr_count(): i32;
  // @ts-ignore: decorator
  @external("mtad1", "hdr_get") export declare function hdr_get(i: i32, what: i32, buf: usize, cap: usize): i32;
  // @ts-ignore: decorator
  @external("mtad1", "hdr_find") export declare function hdr_find(np: usize, nn: usize, from: i32): i32;
  // @ts-ignore: decorator
  @external("mtad1", "rcpt_count") export declare function rcpt_count(): i32;
  // @ts-ignore: decorator
  @external("mtad1", "rcpt_get") export declare function rcpt_get(i: i32, what: i32, buf: usize, cap: usize): i32;
  // @ts-ignore: decorator
  @external("mtad1", "body_size") export declare function body_size(): i64;
  // @ts-ignore: decorator
  @external("mtad1", "body_read") export declare function body_read(off: i64, buf: usize, cap: usize): i32;
  // @ts-ignore: decorator
  @external("mtad1", "msg_read") export declare function msg_read(off: i64, buf: usize, cap: usize): i32;
  // @ts-ignore: decorator
  @external("mtad1", "reply") export declare function reply(code: i32, ep: usize, en: usize, tp: usize, tn: usize): i32;
  // @ts-ignore: decorator
  @external("mtad1", "config") export declare function config(kp: usize, kn: usize, buf: usize, cap: usize): i32;
  // @ts-ignore: decorator
  @external("mtad1", "log") export declare function log(level: i32, p: usize, n: usize): void;
  // @ts-ignore: decorator
  @external("mtad1", "now") export declare function now(clock: i32): i64;
  // @ts-ignore: decorator
  @external("mtad1", "random") export declare function random(buf: usize, n: usize): i32;
  // @ts-ignore: decorator
  @external("mtad1", "stash_get") export declare function stash_get(scope: i32, kp: usize, kn: usize, buf: usize, cap: usize): i32;
  // @ts-ignore: decorator
  @external("mtad1", "stash_set") export declare function stash_set(scope: i32, kp: usize, kn: usize, vp: usize, vn: usize): i32;
  // @ts-ignore: decorator
  @external("mtad1", "counter") export declare function counter(np: usize, nn: usize, delta: i64): i32;
  // @ts-ignore: decorator
  @external("mtad1", "feature") export declare function feature(np: usize, nn: usize): i32;
  // @ts-ignore: decorator
  @external("mtad1_edit", "hdr_add") export declare function hdr_add(np: usize, nn: usize, vp: usize, vn: usize, pos: i32): i32;
  // @ts-ignore: decorator
  @external("mtad1_edit", "hdr_set") export declare function hdr_set(i: i32, vp: usize, vn: usize): i32;
  // @ts-ignore: decorator
  @external("mtad1_edit", "hdr_del") export declare function hdr_del(i: i32): i32;
  // @ts-ignore: decorator
  @external("mtad1_edit", "body_begin") export declare function body_begin(): i32;
  // @ts-ignore: decorator
  @external("mtad1_edit", "body_write") export declare function body_write(p: usize, n: usize): i32;
  // @ts-ignore: decorator
  @external("mtad1_edit", "body_end") export declare function body_end(): i32;
  // @ts-ignore: decorator
  @external("mtad1_edit", "env_from") export declare function env_from(p: usize, n: usize): i32;
  // @ts-ignore: decorator
  @external("mtad1_edit", "rcpt_add") export declare function rcpt_add(p: usize, n: usize, flags: i32): i32;
  // @ts-ignore: decorator
  @external("mtad1_edit", "rcpt_del") export declare function rcpt_del(i: i32): i32;
  // @ts-ignore: decorator
  @external("mtad1_map", "map_get") export declare function map_get(mp: usize, mn: usize, kp: usize, kn: usize, buf: usize, cap: usize): i32;
  // @ts-ignore: decorator
  @external("mtad1_kv", "kv_get") export declare function kv_get(kp: usize, kn: usize, buf: usize, cap: usize): i32;
  // @ts-ignore: decorator
  @external("mtad1_kv", "kv_set") export declare function kv_set(kp: usize, kn: usize, vp: usize, vn: usize, ttl: i32): i32;
  // @ts-ignore: decorator
  @external("mtad1_kv", "kv_incr") export declare function kv_incr(kp: usize, kn: usize, delta: i64, ttl: i32): i64;
  // @ts-ignore: decorator
  @external("mtad1_kv", "kv_del") export declare function kv_del(kp: usize, kn: usize): i32;
  // @ts-ignore: decorator
  @external("mtad1_dns", "dns") export declare function dns(kind: i32, np: usize, nn: usize, buf: usize, cap: usize): i32;
  // @ts-ignore: decorator
  @external("mtad1_scan", "words") export declare function words(sp: usize, sn: usize, text: i32, from: i64): i64;
  // @ts-ignore: decorator
  @external("mtad1_scan", "regexp") export declare function regexp(pp: usize, pn: usize, text: i32, from: i64): i64;
  // @ts-ignore: decorator
  @external("mtad1_scan", "hash") export declare function hash(alg: i32, text: i32, buf: usize, cap: usize): i32;
  // @ts-ignore: decorator
  @external("mtad1_scan", "mime_part") export declare function mime_part(i: i32, what: i32, off: i64, buf: usize, cap: usize): i32;
  // @ts-ignore: decorator
  @external("mtad1_deliver", "rcpt_status") export declare function rcpt_status(i: i32, code: i32, ep: usize, en: usize, tp: usize, tn: usize): i32;
}

/** The marker of ABI 1: a plugin exports it again. */
export function mtad_abi_1(): void {}

/** What a read gave: bytes, or an error. */
export class Value {
  constructor(public bytes: ArrayBuffer, public errno: Errno) {}

  /** Whether there is a value. */
  get found(): bool { return this.errno == Errno.OK; }

  /** Whether nobody could say: neither a value nor "there is none". */
  get failed(): bool { return this.errno != Errno.OK && this.errno != Errno.NotFound; }

  /** The value in UTF-8, "" when there is none. */
  get text(): string { return String.UTF8.decode(this.bytes); }
}

/** What words and regexp found: where it begins, or an error. */
export class Match {
  constructor(public begin: i64) {}

  /** Whether there is a match. */
  get found(): bool { return this.begin >= 0; }

  /** Whether nobody could say. */
  get failed(): bool { return this.begin < -1; }

  /** Why there is no match. */
  get errno(): Errno { return this.begin < 0 ? <Errno>(<i32>this.begin) : Errno.OK; }
}

// The texts that go to the host, as bytes. Their memory stays reachable until the call returns,
// because the caller holds them.
function utf8(text: string): ArrayBuffer { return String.UTF8.encode(text); }

function at(bytes: ArrayBuffer): usize { return changetype<usize>(bytes); }

function size(bytes: ArrayBuffer): usize { return <usize>bytes.byteLength; }

// A read fills buf and says the value's length, n; when the value was larger, it reads again.
let buf = new ArrayBuffer(256);
let n: i32 = 0;

function larger(): bool {
  if (n <= buf.byteLength) return false;
  buf = new ArrayBuffer(n);
  return true;
}

function taken(): Value {
  if (n < 0) return new Value(new ArrayBuffer(0), <Errno>n);
  return new Value(buf.slice(0, n), Errno.OK);
}

// The texts of a message are read as far as the caller wants.
function part(into: ArrayBuffer, length: i32): Value {
  if (length < 0) return new Value(new ArrayBuffer(0), <Errno>length);
  return new Value(length < into.byteLength ? into.slice(0, length) : into, Errno.OK);
}

// Properties.

/** A property; docs/abi.md lists them. */
export function get(key: string): Value {
  const k = utf8(key);
  do n = abi.get(at(k), size(k), at(buf), size(buf)); while (larger());
  return taken();
}

/** A property's text, "" when it has no value at this point. */
export function property(key: string): string { return get(key).text; }

/** The envelope sender, "" for notices. */
export function sender(): string { return property("mail.from"); }

/** The recipient that the hook is about. */
export function rcpt(): string { return property("rcpt.addr"); }

/** The authenticated user, "" when there is none. */
export function authUser(): string { return property("auth.user"); }

/** Sets an answer: action.arg, action.filter, action.redirect, rewrite.result, route.transport, route.nexthop, lookup.value, deliver.relay. */
export function set(key: string, value: string): Errno {
  const k = utf8(key), v = utf8(value);
  return <Errno>abi.set(at(k), size(k), at(v), size(v));
}

// The header and the envelope.

/** The number of header fields; 0 before the header is known. */
export function hdrCount(): i32 { return abi.hdr_count(); }

/** A part of header field i. */
export function hdrGet(i: i32, what: Part = Part.Value): Value {
  do n = abi.hdr_get(i, what, at(buf), size(buf)); while (larger());
  return taken();
}

/** The first field with this name, in any case, from index from on; -1 for none. */
export function hdrFind(name: string, from: i32 = 0): i32 {
  const k = utf8(name);
  return abi.hdr_find(at(k), size(k), from);
}

/** The unfolded value of the first field with this name, "" when there is none. */
export function header(name: string): string {
  const i = hdrFind(name);
  return i < 0 ? "" : hdrGet(i).text;
}

/** The number of recipients so far. */
export function rcptCount(): i32 { return abi.rcpt_count(); }

/** A part of recipient i. */
export function rcptGet(i: i32, what: RcptPart = RcptPart.Addr): Value {
  do n = abi.rcpt_get(i, what, at(buf), size(buf)); while (larger());
  return taken();
}

// The text.

/** The length of the body in bytes; at body of what has arrived; -1 before that. */
export function bodySize(): i64 { return abi.body_size(); }

/** At most max bytes of the body from offset off on; none at the end. */
export function bodyRead(off: i64, max: i32 = 65536): Value {
  const into = new ArrayBuffer(max);
  return part(into, abi.body_read(off, at(into), size(into)));
}

/** At most max bytes of the message, header included. */
export function msgRead(off: i64, max: i32 = 65536): Value {
  const into = new ArrayBuffer(max);
  return part(into, abi.msg_read(off, at(into), size(into)));
}

// Verdicts. Each says the words and returns the verdict that goes with them; words that the host
// does not take (too long) give way to its own.

/** The reply of the verdict: code (0 for the default), enhanced code, text. */
export function reply(code: i32, enhanced: string, text: string): Errno {
  const e = utf8(enhanced), t = utf8(text);
  return <Errno>abi.reply(code, at(e), size(e), at(t), size(t));
}

/** Refuses for good: 550 with an enhanced code of class 5. The text goes to the sender. */
export function reject(enhanced: string, text: string): Verdict {
  reply(550, enhanced, text);
  return Verdict.Reject;
}

/** Refuses for now: 451 with an enhanced code of class 4. */
export function tempfail(enhanced: string, text: string): Verdict {
  reply(451, enhanced, text);
  return Verdict.Tempfail;
}

/** Queues the message on hold; the reason is shown to the admin. */
export function hold(reason: string): Verdict {
  set("action.arg", reason);
  return Verdict.Hold;
}

/** Queues the message on hold under a name. */
export function quarantine(name: string): Verdict {
  set("action.arg", name);
  return Verdict.Quarantine;
}

/** Replaces all recipients by an address. */
export function redirect(address: string): Verdict {
  return set("action.arg", address) == Errno.OK ? Verdict.Redirect : Verdict.Tempfail;
}

/** Sends the message through transport:nexthop. */
export function filter(way: string): Verdict {
  return set("action.arg", way) == Errno.OK ? Verdict.Filter : Verdict.Tempfail;
}

/** Answers a rewrite hook: the address as it is to be. */
export function foundAddr(address: string): Verdict {
  return set("rewrite.result", address) == Errno.OK ? Verdict.Found : Verdict.Tempfail;
}

/** Answers a route hook; an empty half stays as it was. */
export function foundRoute(transport: string, nexthop: string): Verdict {
  if (transport.length > 0 && set("route.transport", transport) != Errno.OK) return Verdict.Tempfail;
  if (nexthop.length > 0 && set("route.nexthop", nexthop) != Errno.OK) return Verdict.Tempfail;
  return Verdict.Found;
}

/** Answers a lookup hook: the value of the key. */
export function foundValue(value: string): Verdict {
  return set("lookup.value", value) == Errno.OK ? Verdict.Found : Verdict.Tempfail;
}

// The plugin and the host.

/** A value of [plugin.config]. */
export function config(key: string): Value {
  const k = utf8(key);
  do n = abi.config(at(k), size(k), at(buf), size(buf)); while (larger());
  return taken();
}

/** A number of [plugin.config]; otherwise also stands for one that is malformed. */
export function configInt(key: string, otherwise: i64): i64 {
  const text = config(key).text;
  const minus = text.startsWith("-") ? 1 : 0;
  if (text.length == minus || text.length > 18) return otherwise;
  let number: i64 = 0;
  for (let i = minus; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return otherwise;
    number = number * 10 + digit;
  }
  return minus ? -number : number;
}

/** A line in the mail log. */
export function log(level: Level, text: string): void {
  const t = utf8(text);
  abi.log(level, at(t), size(t));
}

/** Nanoseconds since 1970, or of a clock that never steps. */
export function now(monotonic: bool = false): i64 { return abi.now(monotonic ? 1 : 0); }

/** n random bytes. */
export function random(n: i32): ArrayBuffer {
  const bytes = new ArrayBuffer(n);
  abi.random(at(bytes), size(bytes));
  return bytes;
}

/** A value that this plugin keeps for the connection or the message. */
export function stashGet(scope: Scope, key: string): Value {
  const k = utf8(key);
  do n = abi.stash_get(scope, at(k), size(k), at(buf), size(buf)); while (larger());
  return taken();
}

/** Keeps a value until the scope ends. */
export function stashSet(scope: Scope, key: string, value: string): Errno {
  const k = utf8(key), v = utf8(value);
  return <Errno>abi.stash_set(scope, at(k), size(k), at(v), size(v));
}

/** Adds to a counter in the metrics; delta is not negative. */
export function counter(name: string, delta: i64 = 1): Errno {
  const k = utf8(name);
  return <Errno>abi.counter(at(k), size(k), delta);
}

/** Whether the host has a feature: abi1, stash, counter, or a granted capability. */
export function feature(name: string): bool {
  const k = utf8(name);
  return abi.feature(at(k), size(k)) == 1;
}

// Capability "edit". Edits are applied when the hook returns.

/** Inserts a header field before field pos; -1 appends. */
export function hdrAdd(name: string, value: string, pos: i32 = -1): Errno {
  const k = utf8(name), v = utf8(value);
  return <Errno>abi.hdr_add(at(k), size(k), at(v), size(v), pos);
}

/** Gives header field i another value. */
export function hdrSet(i: i32, value: string): Errno {
  const v = utf8(value);
  return <Errno>abi.hdr_set(i, at(v), size(v));
}

/** Removes header field i. */
export function hdrDel(i: i32): Errno { return <Errno>abi.hdr_del(i); }

/** Gives the first field with this name another value, or appends one. */
export function setHeader(name: string, value: string): Errno {
  const i = hdrFind(name);
  return i < 0 ? hdrAdd(name, value) : hdrSet(i, value);
}

/** Begins a new body, at eom. */
export function bodyBegin(): Errno { return <Errno>abi.body_begin(); }

/** Appends to the new body; lines may end in LF or CRLF. */
export function bodyWrite(text: string): Errno { return bodyWriteBytes(utf8(text)); }

/** Appends bytes to the new body. */
export function bodyWriteBytes(bytes: ArrayBuffer): Errno { return <Errno>abi.body_write(at(bytes), size(bytes)); }

/** Makes the new body the body. */
export function bodyEnd(): Errno { return <Errno>abi.body_end(); }

/** Changes the envelope sender. */
export function envFrom(address: string): Errno {
  const a = utf8(address);
  return <Errno>abi.env_from(at(a), size(a));
}

/** Adds a recipient; flags is 0. */
export function rcptAdd(address: string, flags: i32 = 0): Errno {
  const a = utf8(address);
  return <Errno>abi.rcpt_add(at(a), size(a), flags);
}

/** Removes recipient i. */
export function rcptDel(i: i32): Errno { return <Errno>abi.rcpt_del(i); }

/** A key's value in a table of the configuration; capability "map". */
export function mapGet(table: string, key: string): Value {
  const t = utf8(table), k = utf8(key);
  do n = abi.map_get(at(t), size(t), at(k), size(k), at(buf), size(buf)); while (larger());
  return taken();
}

// Capability "kv": a durable store of the plugin's own. ttl is in seconds, 0 for ever.

/** A value of the store. */
export function kvGet(key: string): Value {
  const k = utf8(key);
  do n = abi.kv_get(at(k), size(k), at(buf), size(buf)); while (larger());
  return taken();
}

/** Stores a value. */
export function kvSet(key: string, value: string, ttl: i32 = 0): Errno {
  const k = utf8(key), v = utf8(value);
  return <Errno>abi.kv_set(at(k), size(k), at(v), size(v), ttl);
}

/** Adds to a count, atomically, and returns it; a negative number is an Errno. A new count lives ttl seconds from then on. */
export function kvIncr(key: string, delta: i64 = 1, ttl: i32 = 0): i64 {
  const k = utf8(key);
  return abi.kv_incr(at(k), size(k), delta, ttl);
}

/** Forgets a value; nothing there is no error. */
export function kvDel(key: string): Errno {
  const k = utf8(key);
  return <Errno>abi.kv_del(at(k), size(k));
}

/** Records in presentation form, one a line; capability "dns". */
export function dns(kind: DNS, name: string): Value {
  const k = utf8(name);
  do n = abi.dns(kind, at(k), size(k), at(buf), size(buf)); while (larger());
  return taken();
}

// Capability "scan". After a match, the properties scan.end and scan.match say the rest.

/** The word of a set that ends first, from offset from on. */
export function words(setName: string, text: i32, from: i64 = 0): Match {
  const s = utf8(setName);
  return new Match(abi.words(at(s), size(s), text, from));
}

/** The first match of a pattern (RE2 syntax), from offset from on. */
export function regexp(pattern: string, text: i32, from: i64 = 0): Match {
  const p = utf8(pattern);
  return new Match(abi.regexp(at(p), size(p), text, from));
}

/** The hash of a text in hexadecimal digits. */
export function hash(alg: Hash, text: i32): Value {
  do n = abi.hash(alg, text, at(buf), size(buf)); while (larger());
  return taken();
}

/** What is said of MIME part i. */
export function mimePart(i: i32, what: MIME): Value {
  do n = abi.mime_part(i, what, 0, at(buf), size(buf)); while (larger());
  return taken();
}

/** At most max bytes of the decoded content of MIME part i from offset off on; none at the end. */
export function mimeRead(i: i32, off: i64, max: i32 = 65536): Value {
  const into = new ArrayBuffer(max);
  return part(into, abi.mime_part(i, MIME.Content, off, at(into), size(into)));
}

// Capability "deliver".

/** What became of recipient i: class 2 is sent, 4 deferred, 5 bounced. */
export function rcptStatus(i: i32, code: i32, enhanced: string, text: string): Errno {
  const e = utf8(enhanced), t = utf8(text);
  return <Errno>abi.rcpt_status(i, code, at(e), size(e), at(t), size(t));
}
