//! The conformance plugin in Zig: CONFORMANCE.md says what it does.
const std = @import("std");
const mtad = @import("mtad");
const Tx = mtad.Tx;

comptime {
    mtad.plugin(@This());
}

pub const panic = mtad.panic;

const most = 4096;
var program: [8192]u8 = undefined;
var args: [8192]u8 = undefined;
var result: [most]u8 = undefined;
var said: [8192 + most + 64]u8 = undefined;

/// The arguments of a command: what is left of them.
const Args = struct {
    rest: []u8,

    fn word(a: *Args) []u8 {
        const n = std.mem.indexOfScalar(u8, a.rest, ' ') orelse a.rest.len;
        const w = a.rest[0..n];
        a.rest = a.rest[@min(n + 1, a.rest.len)..];
        return unescaped(w);
    }
    fn last(a: *Args) []u8 {
        return unescaped(a.rest);
    }
    fn number(a: *Args) i64 {
        return std.fmt.parseInt(i64, a.word(), 10) catch 0;
    }
    fn int(a: *Args) i32 {
        return @truncate(a.number());
    }
    fn index(a: *Args) u32 {
        return @bitCast(a.int());
    }
    fn choice(a: *Args, comptime E: type) E {
        return @enumFromInt(a.int());
    }
    fn buffer(a: *Args) []u8 {
        return result[0..@intCast(std.math.clamp(a.number(), 0, most))];
    }
};

/// Writes over itself: what is written is never longer.
fn unescaped(s: []u8) []u8 {
    if (std.mem.eql(u8, s, "-")) return s[0..0];
    var n: usize = 0;
    var i: usize = 0;
    while (i < s.len) : (i += 1) {
        const next = if (s[i] == '\\' and i + 1 < s.len) std.mem.indexOfScalar(u8, "nr0\\", s[i + 1]) else null;
        s[n] = if (next) |k| "\n\r\x00\\"[k] else s[i];
        if (next != null) i += 1;
        n += 1;
    }
    return s[0..n];
}

/// What a command says: bytes, or nothing.
const Said = mtad.Error!?[]const u8;

fn number(n: anytype) Said {
    return std.fmt.bufPrint(&result, "{d}", .{n}) catch unreachable;
}

fn done(r: mtad.Error!void) Said {
    try r;
    return null;
}

fn match(tx: Tx, at: mtad.Error!i64) Said {
    const n = try at;
    var end: [24]u8 = undefined;
    var found: [1000]u8 = undefined;
    const e = try tx.get("scan.end", &end);
    return std.fmt.bufPrint(&result, "{d} {s} {s}", .{ n, e, tx.get("scan.match", &found) catch "" }) catch unreachable;
}

fn random(tx: Tx, p: []u8) Said {
    try tx.random(p);
    for (p) |b| if (b != p[0]) return "ok";
    return "all the same";
}

fn find(tx: Tx, from: u32, name: []const u8) Said {
    return if (tx.hdrFind(name, from)) |i| number(i) else "-1";
}

const Command = enum { get, set, hdr_count, hdr_get, hdr_find, rcpt_count, rcpt_get, body_size, body_read, msg_read, reply, config, now, random, stash_get, stash_set, counter, feature, trap, hdr_add, hdr_set, hdr_del, body_begin, body_write, body_end, env_from, rcpt_add, rcpt_del, map_get, kv_get, kv_set, kv_incr, kv_del, dns, words, regexp, hash, mime_part, mime_read, rcpt_status };

fn command(tx: Tx, name: []const u8, a: *Args) Said {
    return switch (std.meta.stringToEnum(Command, name) orelse return "unknown") {
        .get => try tx.get(a.last(), &result),
        .set => done(tx.set(a.word(), a.last())),
        .hdr_count => number(tx.hdrCount()),
        .hdr_get => try tx.hdrGet(a.index(), a.choice(mtad.Part), &result),
        .hdr_find => find(tx, a.index(), a.last()),
        .rcpt_count => number(tx.rcptCount()),
        .rcpt_get => try tx.rcptGet(a.index(), a.choice(mtad.RcptPart), &result),
        .body_size => if (tx.bodySize()) |n| number(n) else "-1",
        .body_read => try tx.bodyRead(@bitCast(a.number()), a.buffer()),
        .msg_read => try tx.msgRead(@bitCast(a.number()), a.buffer()),
        .reply => done(tx.reply(a.int(), a.word(), a.last())),
        .config => try tx.config(a.last(), &result),
        .now => number(tx.now(a.choice(mtad.Clock))),
        .random => random(tx, a.buffer()),
        .stash_get => try tx.stashGet(a.choice(mtad.Scope), a.last(), &result),
        .stash_set => done(tx.stashSet(a.choice(mtad.Scope), a.word(), a.last())),
        .counter => done(tx.counter(a.word(), a.number())),
        .feature => number(@intFromBool(tx.feature(a.last()))),
        .trap => @panic("trap"),
        else => |c| change(tx, c, a),
    };
}

fn change(tx: Tx, c: Command, a: *Args) Said {
    switch (c) {
        .hdr_add => {
            const pos = a.int();
            return done(tx.hdrAdd(a.word(), a.last(), if (pos < 0) null else @intCast(pos)));
        },
        .hdr_set => return done(tx.hdrSet(a.index(), a.last())),
        .hdr_del => return done(tx.hdrDel(a.index())),
        .body_begin => return done(tx.bodyBegin()),
        .body_write => return done(tx.bodyWrite(a.last())),
        .body_end => return done(tx.bodyEnd()),
        .env_from => return done(tx.envFrom(a.last())),
        .rcpt_add => {
            const flags = a.int();
            return done(tx.rcptAdd(a.last(), flags));
        },
        .rcpt_del => return done(tx.rcptDel(a.index())),
        else => return service(tx, c, a),
    }
}

fn service(tx: Tx, c: Command, a: *Args) Said {
    switch (c) {
        .map_get => return try tx.mapGet(a.word(), a.last(), &result),
        .kv_get => return try tx.kvGet(a.last(), &result),
        .kv_set => {
            const ttl = a.int();
            return done(tx.kvSet(a.word(), a.last(), ttl));
        },
        .kv_incr => {
            const ttl = a.int();
            const delta = a.number();
            return number(try tx.kvIncr(a.last(), delta, ttl));
        },
        .kv_del => return done(tx.kvDel(a.last())),
        .dns => return try tx.dns(a.choice(mtad.DNS), a.last(), &result),
        .words, .regexp => {
            const text = a.choice(mtad.Text);
            const from = a.number();
            return match(tx, if (c == .words) tx.words(a.last(), text, from) else tx.regexp(a.last(), text, from));
        },
        .hash => return try tx.hash(a.choice(mtad.Hash), a.choice(mtad.Text), &result),
        .mime_part => return try tx.mimePart(a.index(), a.choice(mtad.MIMEInfo), &result),
        .mime_read => return try tx.mimeRead(a.index(), @bitCast(a.number()), a.buffer()),
        .rcpt_status => return done(tx.rcptStatus(a.index(), a.int(), a.word(), a.last())),
        else => unreachable,
    }
}

/// The number that the ABI has for an error. A value that is too large ends in a trap.
fn errno(e: mtad.Error) i32 {
    return switch (e) {
        error.NotFound => -1,
        error.Denied => -2,
        error.Invalid => -3,
        error.Limit => -4,
        error.Stage => -5,
        error.Again => -6,
        error.Unsupported => -7,
        error.InputOutput => -8,
        error.NoSpaceLeft => @panic("a result of more than 4,096 bytes"),
    };
}

fn holds(tx: Tx, a: *Args) bool {
    if (a.rest.len == 0) return true;
    const v = tx.get(a.word(), &result) catch return false;
    return std.mem.eql(u8, v, a.last());
}

/// Runs a program of the configuration and returns the verdict's number.
fn run(tx: Tx, hook: []const u8) i32 {
    var verdict: i32 = 0;
    var on = true;
    const text = tx.config(hook, &program) catch return 0;
    var lines = std.mem.splitScalar(u8, text, '\n');
    while (lines.next()) |line| {
        if (line.len == 0) continue;
        @memcpy(args[0..line.len], line);
        var a = Args{ .rest = args[0..line.len] };
        const name = a.word();
        if (std.mem.eql(u8, name, "when")) {
            on = holds(tx, &a);
        } else if (!on) {
            continue;
        } else if (std.mem.eql(u8, name, "return")) {
            verdict = a.int();
        } else if (std.mem.eql(u8, name, "log")) {
            tx.log(a.choice(mtad.Level), a.last());
        } else {
            const out = command(tx, name, &a) catch |e| number(errno(e)) catch unreachable;
            if (out) |t| tx.log(.info, std.fmt.bufPrint(&said, "{s}: {s}", .{ line, t }) catch unreachable);
        }
    }
    return verdict;
}

/// The verdict with this number. Zig has no others: a plugin can fail, but not by these.
fn verdictOf(tx: Tx, hook: []const u8) mtad.Verdict {
    const n = run(tx, hook);
    if (n < 0 or n > 9) @panic("no such verdict");
    return @enumFromInt(n);
}

var why: [1000]u8 = undefined;

pub fn init(tx: Tx) ?[]const u8 {
    if (run(tx, "init") == 0) return null;
    var reason: []const u8 = "";
    var lines = std.mem.splitScalar(u8, tx.config("init", &program) catch "", '\n');
    while (lines.next()) |line| {
        if (!std.mem.startsWith(u8, line, "reply ")) continue;
        var words = std.mem.splitScalar(u8, line, ' ');
        for (0..3) |_| _ = words.next();
        reason = words.rest();
    }
    @memcpy(why[0..reason.len], reason);
    return why[0..reason.len];
}

pub fn connect(tx: Tx) mtad.Verdict {
    return verdictOf(tx, "connect");
}
pub fn helo(tx: Tx) !mtad.Verdict {
    return verdictOf(tx, "helo");
}
pub fn auth(tx: Tx) mtad.Verdict {
    return verdictOf(tx, "auth");
}
pub fn mail(tx: Tx) mtad.Verdict {
    return verdictOf(tx, "mail");
}
pub fn rcpt(tx: Tx) mtad.Verdict {
    return verdictOf(tx, "rcpt");
}
pub fn data(tx: Tx) mtad.Verdict {
    return verdictOf(tx, "data");
}
pub fn headers(tx: Tx) mtad.Verdict {
    return verdictOf(tx, "headers");
}
pub fn body(tx: Tx) mtad.Verdict {
    return verdictOf(tx, "body");
}
pub fn eom(tx: Tx) mtad.Verdict {
    return verdictOf(tx, "eom");
}
pub fn abort(tx: Tx) void {
    _ = run(tx, "abort");
}
pub fn rewrite(tx: Tx) mtad.Verdict {
    return verdictOf(tx, "rewrite");
}
pub fn route(tx: Tx) mtad.Verdict {
    return verdictOf(tx, "route");
}
pub fn deliver(tx: Tx) mtad.Verdict {
    return verdictOf(tx, "deliver");
}
pub fn lookup(tx: Tx) mtad.Verdict {
    return verdictOf(tx, "lookup");
}
pub fn event(tx: Tx) void {
    _ = run(tx, "event");
}
