// event-log: a line of JSON (RFC 8259) in the mail log for each event of a queued message, as one
// would send it to a webhook. A log shipper takes it from there.
import { Level, Verdict, config, get, log, property, reply } from "../../plugins/sdk/assemblyscript/mtad";
export { mtad_abi_1 } from "../../plugins/sdk/assemblyscript/mtad";

const known = ["queued", "sent", "deferred", "bounced", "expired", "held", "released", "removed"];
let kinds: string[] = [];
let site = "";

// The configuration is read once, at load.
export function mtad_init(): i32 {
  site = config("site").text;
  const list = config("events").text.split(",").join(" ").split("\n").join(" ").split(" ");
  for (let i = 0; i < list.length; i++) {
    if (list[i].length == 0) continue;
    if (!known.includes(list[i])) {
      reply(0, "", "events: " + list[i] + " is none of " + known.join(" "));
      return 1;
    }
    kinds.push(list[i]);
  }
  return 0;
}

// A hook may log 4 KiB: of each text so much is written that all fit.
const MOST = 600;
const hex = "0123456789abcdef";

function escape(c: i32): string {
  return "\\u" + hex.charAt((c >> 12) & 15) + hex.charAt((c >> 8) & 15) + hex.charAt((c >> 4) & 15) + hex.charAt(c & 15);
}

// quote writes UTF-8 as a JSON string (RFC 8259 section 7), cut to MOST bytes. Only ASCII is left: what is not
// is escaped, so that no reader of the log has to guess a charset. What is no UTF-8 is U+FFFD.
function quote(text: Uint8Array): string {
  let out = '"';
  for (let i = 0; i < text.length; ) {
    const c = rune(text, i);
    i += c < 0 ? 1 : c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    let piece = "";
    if (c < 0) piece = "\\ufffd";
    else if (c == 0x22) piece = '\\"';
    else if (c == 0x5c) piece = "\\\\";
    else if (c == 0x0a) piece = "\\n";
    else if (c == 0x0d) piece = "\\r";
    else if (c == 0x09) piece = "\\t";
    else if (c >= 0x20 && c < 0x7f) piece = String.fromCharCode(c);
    else if (c >= 0x10000) piece = escape(0xd800 + ((c - 0x10000) >> 10)) + escape(0xdc00 + (c & 0x3ff));
    else piece = escape(c);
    if (out.length + piece.length > MOST) return out + '..."';
    out += piece;
  }
  return out + '"';
}

// rune decodes the character at i (RFC 3629), -1 for bytes that are none.
function rune(text: Uint8Array, i: i32): i32 {
  const c = <i32>text[i];
  if (c < 0x80) return c;
  const more = c >= 0xc2 && c < 0xe0 ? 1 : c >= 0xe0 && c < 0xf0 ? 2 : c >= 0xf0 && c < 0xf5 ? 3 : 0;
  if (more == 0 || i + more >= text.length) return -1;
  let v = c & (0x3f >> more);
  for (let k = 1; k <= more; k++) {
    if ((text[i + k] & 0xc0) != 0x80) return -1;
    v = (v << 6) | (text[i + k] & 0x3f);
  }
  const least = more == 2 ? 0x800 : more == 3 ? 0x10000 : 0x80;
  return v < least || v > 0x10ffff || (v >= 0xd800 && v < 0xe000) ? -1 : v;
}

// field writes a property if it has a value.
function field(name: string, key: string): string {
  const v = Uint8Array.wrap(get(key).bytes);
  return v.length > 0 ? ',"' + name + '":' + quote(v) : "";
}

// event is told what happened; it cannot change it.
export function mtad_event(): Verdict {
  const kind = property("event.kind");
  if (kinds.length > 0 && !kinds.includes(kind)) return Verdict.Continue;
  let line = '{"time":"' + property("event.time") + '","event":"' + kind + '"';
  if (site.length > 0) line += ',"site":' + quote(Uint8Array.wrap(String.UTF8.encode(site)));
  line += field("id", "queue.id");
  const from = get("mail.from");
  if (from.found) line += ',"from":' + quote(Uint8Array.wrap(from.bytes)); // "" is a notice
  line += field("to", "event.rcpt");
  line += field("reply", "event.reply");
  line += field("dsn", "event.dsn");
  line += field("relay", "event.relay");
  const size = property("event.size");
  if (digits(size)) line += ',"size":' + size;
  log(Level.Info, line + "}");
  return Verdict.Continue;
}

function digits(text: string): bool {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c < 0x30 || c > 0x39) return false;
  }
  return text.length > 0;
}
