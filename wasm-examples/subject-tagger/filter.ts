// subject-tagger: puts a tag in front of the Subject of messages that have a header field with a
// given text, as "[SPAM]" for what a filter in front marked. What is there already is not put twice,
// also when it stands behind "Re:" or in an encoded word.
import { Errno, Level, Part, Verdict, abi, config, hdrAdd, hdrFind, hdrGet, log, reply, tempfail } from "../../plugins/sdk/assemblyscript/mtad";
export { mtad_abi_1 } from "../../plugins/sdk/assemblyscript/mtad";

class Rule {
  constructor(public header: string, public text: string, public tag: string) {}
}

const rules: Rule[] = [];

function refuse(why: string): i32 {
  reply(0, "", why);
  return 1;
}

// The configuration is read once, at load: a rule a line, "Header: text = TAG". Without a text any
// value will do.
export function mtad_init(): i32 {
  const v = config("rules");
  if (!v.found) return refuse('set rules = ["X-Spam-Flag: YES = [SPAM]"] in [plugin.config]');
  const lines = v.text.split("\n");
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i].trim();
    if (line.length == 0) continue;
    const colon = line.indexOf(":"), equals = line.lastIndexOf("=");
    if (colon < 1 || equals < colon) return refuse("rule " + line + ": want Header: text = TAG");
    const tag = line.substring(equals + 1).trim();
    if (tag.length == 0 || tag.length > 100) return refuse("rule " + line + ": want a tag of 1 to 100 letters");
    rules.push(new Rule(line.substring(0, colon).trim(), line.substring(colon + 1, equals).trim().toLowerCase(), tag));
  }
  return rules.length > 0 ? 0 : refuse("rules has no rule");
}

// matches reports whether a message has a field with the rule's text.
function matches(rule: Rule): bool {
  for (let i = hdrFind(rule.header); i >= 0; i = hdrFind(rule.header, i + 1)) {
    if (rule.text.length == 0 || hdrGet(i).text.toLowerCase().includes(rule.text)) return true;
  }
  return false;
}

// headers is asked when the header is complete.
export function mtad_headers(): Verdict {
  let tags = "";
  for (let i = 0; i < rules.length; i++) {
    const tag = rules[i].tag;
    if (matches(rules[i]) && !tags.includes(tag)) tags = tags.length > 0 ? tags + " " + tag : tag;
  }
  if (tags.length == 0) return Verdict.Continue;
  const at = hdrFind("Subject");
  const done = at < 0 ? hdrAdd("Subject", encoded(tags)) : put(at, tags);
  return done == Errno.OK ? Verdict.Continue : tempfail("4.3.0", "the Subject cannot be tagged");
}

// put writes the tags in front of field i. The value stays as the bytes that it is, whatever their
// charset.
function put(i: i32, tags: string): Errno {
  const decoded = decode(hdrGet(i).text);
  const wanted = tags.split(" ");
  let missing = "";
  for (let k = 0; k < wanted.length; k++) {
    if (!decoded.includes(wanted[k])) missing = missing.length > 0 ? missing + " " + wanted[k] : wanted[k];
  }
  if (missing.length == 0) return Errno.OK;
  const old = hdrGet(i, Part.Value).bytes;
  const front = String.UTF8.encode(encoded(missing) + " ");
  const value = new ArrayBuffer(front.byteLength + old.byteLength);
  memory.copy(changetype<usize>(value), changetype<usize>(front), front.byteLength);
  memory.copy(changetype<usize>(value) + front.byteLength, changetype<usize>(old), old.byteLength);
  const e = <Errno>abi.hdr_set(i, changetype<usize>(value), value.byteLength);
  if (e == Errno.Limit) { // a Subject of 64 KiB: it is left alone
    log(Level.Warn, "the Subject is too long to be tagged");
    return Errno.OK;
  }
  return e;
}

const hex = "0123456789ABCDEF";

// encoded writes a text as an encoded word (RFC 2047 section 2) unless it is ASCII. Adjacent words are put
// together by readers, so the space in front of an encoded Subject is part of ours.
function encoded(text: string): string {
  const bytes = Uint8Array.wrap(String.UTF8.encode(text));
  let plain = true;
  for (let i = 0; i < bytes.length; i++) plain = plain && bytes[i] >= 0x20 && bytes[i] < 0x7f;
  if (plain) return text;
  let out = "=?UTF-8?Q?", length = 10;
  for (let i = 0; i < bytes.length; i++) {
    const c = bytes[i];
    // a word has at most 75 letters and ends with a whole character
    if (length > 60 && (c & 0xc0) != 0x80) {
      out += "?= =?UTF-8?Q?";
      length = 10;
    }
    const safe = (c >= 0x30 && c <= 0x39) || (c >= 0x41 && c <= 0x5a) || (c >= 0x61 && c <= 0x7a);
    out += safe ? String.fromCharCode(c) : "=" + hex.charAt(c >> 4) + hex.charAt(c & 15);
    length += safe ? 1 : 3;
  }
  return out + "?=";
}

// decode reads the encoded words in a text that are UTF-8 or ASCII; others stay as they are.
function decode(text: string): string {
  let out = "";
  for (let at = 0; at < text.length; ) {
    const begin = text.indexOf("=?", at);
    const a = begin < 0 ? -1 : text.indexOf("?", begin + 2);
    const b = a < 0 ? -1 : text.indexOf("?", a + 1);
    const end = b < 0 ? -1 : text.indexOf("?=", b + 1);
    if (end < 0 || b != a + 2) {
      if (begin < 0 || a < 0) return out + text.substring(at);
      out += text.substring(at, begin + 2);
      at = begin + 2;
      continue;
    }
    out += text.substring(at, begin);
    const charset = text.substring(begin + 2, a).toLowerCase();
    const way = text.substring(a + 1, b).toLowerCase();
    const word = text.substring(b + 1, end);
    const known = charset == "utf-8" || charset == "us-ascii";
    out += known && way == "q" ? q(word) : known && way == "b" ? base64(word) : text.substring(begin, end + 2);
    at = end + 2;
  }
  return out;
}

function digit(c: i32): i32 {
  if (c >= 0x30 && c <= 0x39) return c - 0x30;
  c |= 0x20;
  return c >= 0x61 && c <= 0x66 ? c - 0x57 : -1;
}

function q(word: string): string {
  const out = new Uint8Array(word.length * 3);
  let n = 0;
  for (let i = 0; i < word.length; i++) {
    const c = word.charCodeAt(i);
    const high = c == 0x3d && i + 2 < word.length ? digit(word.charCodeAt(i + 1)) : -1;
    const low = high < 0 ? -1 : digit(word.charCodeAt(i + 2));
    if (low >= 0) {
      out[n++] = <u8>(high * 16 + low);
      i += 2;
    } else {
      out[n++] = c == 0x5f ? 0x20 : c < 0x80 ? <u8>c : 0x3f;
    }
  }
  return String.UTF8.decode(out.buffer.slice(0, n));
}

function sextet(c: i32): i32 {
  if (c >= 0x41 && c <= 0x5a) return c - 0x41;
  if (c >= 0x61 && c <= 0x7a) return c - 0x61 + 26;
  if (c >= 0x30 && c <= 0x39) return c - 0x30 + 52;
  return c == 0x2b ? 62 : c == 0x2f ? 63 : -1;
}

function base64(word: string): string {
  const out = new Uint8Array(word.length);
  let n = 0, bits: u32 = 0, held = 0;
  for (let i = 0; i < word.length; i++) {
    const v = sextet(word.charCodeAt(i));
    if (v < 0) continue;
    bits = (bits << 6) | <u32>v;
    held += 6;
    if (held >= 8) {
      held -= 8;
      out[n++] = <u8>(bits >> held);
    }
  }
  return String.UTF8.decode(out.buffer.slice(0, n));
}
