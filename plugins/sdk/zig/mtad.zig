//! Plugins for mtad in Zig: a file with the hooks it wants as public functions.
//!
//!     const mtad = @import("mtad");
//!
//!     comptime {
//!         mtad.plugin(@This());
//!     }
//!
//!     pub fn eom(tx: mtad.Tx) !mtad.Verdict {
//!         var buf: [1000]u8 = undefined;
//!         if (try tx.header("Subject", &buf)) |subject|
//!             if (std.mem.indexOf(u8, subject, "SPAM") != null) return tx.reject("5.7.1", "no spam here");
//!         return .@"continue";
//!     }
//!
//! `plugin` exports the hooks that the file declares, and no others. What a plugin does not call is
//! not imported. Nothing here allocates: a read fills the caller's buffer and returns the part with
//! the value, or error.NoSpaceLeft. A hook that ends with an error answers tempfail and logs the
//! error's name: an error is not "no". docs/abi.md is the reference of what everything means.

const std = @import("std");

/// What a hook answers.
pub const Verdict = enum(i32) { @"continue" = 0, accept = 1, tempfail = 2, reject = 3, discard = 4, hold = 5, quarantine = 6, redirect = 7, filter = 8, found = 9 };

/// How a host call fails. Only NotFound is "no". NoSpaceLeft: the buffer is too small for the value.
pub const Error = error{ NotFound, Denied, Invalid, Limit, Stage, Again, Unsupported, InputOutput, NoSpaceLeft };

pub const Level = enum(i32) { debug = 0, info = 1, warn = 2, err = 3, _ };
/// How long a stashed value lives.
pub const Scope = enum(i32) { connection = 0, message = 1, _ };
/// The parts of a header field: its name, its value unfolded and trimmed, the field as it came.
pub const Part = enum(i32) { name = 0, value = 1, raw = 2, _ };
/// The parts of a recipient: its address, the address as given, the parameters of RCPT.
pub const RcptPart = enum(i32) { addr = 0, original = 1, params = 2, _ };
pub const Clock = enum(i32) { since1970 = 0, monotonic = 1, _ };
pub const Hash = enum(i32) { md5 = 0, sha1 = 1, sha256 = 2, _ };
/// Types of DNS records, as the DNS numbers them.
pub const DNS = enum(i32) { a = 1, ns = 2, cname = 5, ptr = 12, mx = 15, txt = 16, aaaa = 28, srv = 33, tlsa = 52, _ };
/// What can be said of a MIME part.
pub const MIMEInfo = enum(i32) { type = 1, name = 2, charset = 3, disposition = 4, size = 5, _ };

/// A text of the message that the scan functions look at.
pub const Text = enum(i32) {
    message = 0,
    header = 1,
    body = 2,
    /// All MIME parts of type text/*, decoded, one after the other.
    decoded = 3,
    _,

    /// MIME part i, decoded.
    pub fn part(i: u32) Text {
        return @enumFromInt(@as(i32, @bitCast(i)) +% 16);
    }
};

/// The host's functions as they are imported. Only those that are called are.
const raw = struct {
    const mtad1 = struct {
        extern "mtad1" fn get(kp: [*]const u8, kn: usize, buf: [*]u8, cap: usize) i32;
        extern "mtad1" fn set(kp: [*]const u8, kn: usize, vp: [*]const u8, vn: usize) i32;
        extern "mtad1" fn hdr_count() i32;
        extern "mtad1" fn hdr_get(i: i32, what: i32, buf: [*]u8, cap: usize) i32;
        extern "mtad1" fn hdr_find(np: [*]const u8, nn: usize, from: i32) i32;
        extern "mtad1" fn rcpt_count() i32;
        extern "mtad1" fn rcpt_get(i: i32, what: i32, buf: [*]u8, cap: usize) i32;
        extern "mtad1" fn body_size() i64;
        extern "mtad1" fn body_read(off: i64, buf: [*]u8, cap: usize) i32;
        extern "mtad1" fn msg_read(off: i64, buf: [*]u8, cap: usize) i32;
        extern "mtad1" fn reply(code: i32, ep: [*]const u8, en: usize, tp: [*]const u8, tn: usize) i32;
        extern "mtad1" fn config(kp: [*]const u8, kn: usize, buf: [*]u8, cap: usize) i32;
        extern "mtad1" fn log(level: i32, p: [*]const u8, n: usize) void;
        extern "mtad1" fn now(clock: i32) i64;
        extern "mtad1" fn random(buf: [*]u8, n: usize) i32;
        extern "mtad1" fn stash_get(scope: i32, kp: [*]const u8, kn: usize, buf: [*]u8, cap: usize) i32;
        extern "mtad1" fn stash_set(scope: i32, kp: [*]const u8, kn: usize, vp: [*]const u8, vn: usize) i32;
        extern "mtad1" fn counter(np: [*]const u8, nn: usize, delta: i64) i32;
        extern "mtad1" fn feature(np: [*]const u8, nn: usize) i32;
    };
    const edit = struct {
        extern "mtad1_edit" fn hdr_add(np: [*]const u8, nn: usize, vp: [*]const u8, vn: usize, pos: i32) i32;
        extern "mtad1_edit" fn hdr_set(i: i32, vp: [*]const u8, vn: usize) i32;
        extern "mtad1_edit" fn hdr_del(i: i32) i32;
        extern "mtad1_edit" fn body_begin() i32;
        extern "mtad1_edit" fn body_write(p: [*]const u8, n: usize) i32;
        extern "mtad1_edit" fn body_end() i32;
        extern "mtad1_edit" fn env_from(p: [*]const u8, n: usize) i32;
        extern "mtad1_edit" fn rcpt_add(p: [*]const u8, n: usize, flags: i32) i32;
        extern "mtad1_edit" fn rcpt_del(i: i32) i32;
    };
    const map = struct {
        extern "mtad1_map" fn map_get(mp: [*]const u8, mn: usize, kp: [*]const u8, kn: usize, buf: [*]u8, cap: usize) i32;
    };
    const kv = struct {
        extern "mtad1_kv" fn kv_get(kp: [*]const u8, kn: usize, buf: [*]u8, cap: usize) i32;
        extern "mtad1_kv" fn kv_set(kp: [*]const u8, kn: usize, vp: [*]const u8, vn: usize, ttl: i32) i32;
        extern "mtad1_kv" fn kv_incr(kp: [*]const u8, kn: usize, delta: i64, ttl: i32) i64;
        extern "mtad1_kv" fn kv_del(kp: [*]const u8, kn: usize) i32;
    };
    const names = struct {
        extern "mtad1_dns" fn dns(kind: i32, np: [*]const u8, nn: usize, buf: [*]u8, cap: usize) i32;
    };
    const scan = struct {
        extern "mtad1_scan" fn words(sp: [*]const u8, sn: usize, text: i32, from: i64) i64;
        extern "mtad1_scan" fn regexp(pp: [*]const u8, pn: usize, text: i32, from: i64) i64;
        extern "mtad1_scan" fn hash(alg: i32, text: i32, buf: [*]u8, cap: usize) i32;
        extern "mtad1_scan" fn mime_part(i: i32, what: i32, off: i64, buf: [*]u8, cap: usize) i32;
    };
    const transport = struct {
        extern "mtad1_deliver" fn rcpt_status(i: i32, code: i32, ep: [*]const u8, en: usize, tp: [*]const u8, tn: usize) i32;
    };
};

fn failed(n: i64) Error {
    return switch (n) {
        -1 => error.NotFound,
        -2 => error.Denied,
        -3 => error.Invalid,
        -4 => error.Limit,
        -5 => error.Stage,
        -6 => error.Again,
        -7 => error.Unsupported,
        else => error.InputOutput,
    };
}

/// A length, an index, a count or an offset; negative numbers are errors.
fn number(n: anytype) Error!@TypeOf(n) {
    return if (n < 0) failed(n) else n;
}

/// Success is 0.
fn done(n: i32) Error!void {
    _ = try number(n);
}

/// The part of buf that the host filled; n is the value's full length.
fn filled(buf: []u8, n: i32) Error![]u8 {
    const len: usize = @intCast(try number(n));
    return if (len > buf.len) error.NoSpaceLeft else buf[0..len];
}

/// null instead of error.NotFound; every other failure stays one.
pub fn optional(value: anytype) Error!?@typeInfo(@TypeOf(value)).error_union.payload {
    return value catch |e| if (e == error.NotFound) null else e;
}

/// The transaction as a hook sees it. Valid until the hook returns.
pub const Tx = struct {
    /// A property; docs/abi.md lists them. error.NotFound: it has no value at this point.
    pub fn get(_: Tx, key: []const u8, buf: []u8) Error![]u8 {
        return filled(buf, raw.mtad1.get(key.ptr, key.len, buf.ptr, buf.len));
    }
    /// Whether a property has a value that is not empty.
    pub fn has(_: Tx, key: []const u8) bool {
        var none: [1]u8 = undefined;
        return raw.mtad1.get(key.ptr, key.len, &none, 0) > 0;
    }
    /// Sets an answer: action.arg, action.filter, action.redirect, rewrite.result, route.transport, route.nexthop, lookup.value, deliver.relay.
    pub fn set(_: Tx, key: []const u8, value: []const u8) Error!void {
        return done(raw.mtad1.set(key.ptr, key.len, value.ptr, value.len));
    }
    /// The number of header fields; 0 before the header is known.
    pub fn hdrCount(_: Tx) u32 {
        return @intCast(raw.mtad1.hdr_count());
    }
    /// Part of header field i.
    pub fn hdrGet(_: Tx, i: u32, what: Part, buf: []u8) Error![]u8 {
        return filled(buf, raw.mtad1.hdr_get(@bitCast(i), @intFromEnum(what), buf.ptr, buf.len));
    }
    /// The first field with this name, in any case, from index from on.
    pub fn hdrFind(_: Tx, name: []const u8, from: u32) ?u32 {
        const i = raw.mtad1.hdr_find(name.ptr, name.len, @bitCast(from));
        return if (i < 0) null else @intCast(i);
    }
    /// The unfolded value of the first header field with this name, null when there is none.
    pub fn header(tx: Tx, name: []const u8, buf: []u8) Error!?[]u8 {
        return try tx.hdrGet(tx.hdrFind(name, 0) orelse return null, .value, buf);
    }
    /// The number of recipients so far.
    pub fn rcptCount(_: Tx) u32 {
        return @intCast(raw.mtad1.rcpt_count());
    }
    /// Part of recipient i.
    pub fn rcptGet(_: Tx, i: u32, what: RcptPart, buf: []u8) Error![]u8 {
        return filled(buf, raw.mtad1.rcpt_get(@bitCast(i), @intFromEnum(what), buf.ptr, buf.len));
    }
    /// The length of the body in bytes; at body of what has arrived; null before that.
    pub fn bodySize(_: Tx) ?u64 {
        const n = raw.mtad1.body_size();
        return if (n < 0) null else @intCast(n);
    }
    /// Bytes of the body from offset off on, as many as buf holds; none at the end.
    pub fn bodyRead(_: Tx, off: u64, buf: []u8) Error![]u8 {
        return filled(buf, raw.mtad1.body_read(@bitCast(off), buf.ptr, buf.len));
    }
    /// Bytes of the message, header included.
    pub fn msgRead(_: Tx, off: u64, buf: []u8) Error![]u8 {
        return filled(buf, raw.mtad1.msg_read(@bitCast(off), buf.ptr, buf.len));
    }
    /// A value of [plugin.config]. error.NotFound: it is not set.
    pub fn config(_: Tx, key: []const u8, buf: []u8) Error![]u8 {
        return filled(buf, raw.mtad1.config(key.ptr, key.len, buf.ptr, buf.len));
    }
    /// A number of [plugin.config]; default also stands for one that is malformed.
    pub fn configInt(tx: Tx, key: []const u8, default: i64) i64 {
        var buf: [24]u8 = undefined;
        const text = tx.config(key, &buf) catch return default;
        return std.fmt.parseInt(i64, text, 10) catch default;
    }
    /// A line in the mail log.
    pub fn log(_: Tx, level: Level, text: []const u8) void {
        raw.mtad1.log(@intFromEnum(level), text.ptr, text.len);
    }
    /// Nanoseconds.
    pub fn now(_: Tx, clock: Clock) i64 {
        return raw.mtad1.now(@intFromEnum(clock));
    }
    /// Fills buf with random bytes.
    pub fn random(_: Tx, buf: []u8) Error!void {
        return done(raw.mtad1.random(buf.ptr, buf.len));
    }
    /// A value that this plugin keeps. error.NotFound: there is none.
    pub fn stashGet(_: Tx, scope: Scope, key: []const u8, buf: []u8) Error![]u8 {
        return filled(buf, raw.mtad1.stash_get(@intFromEnum(scope), key.ptr, key.len, buf.ptr, buf.len));
    }
    /// Keeps a value until the scope ends.
    pub fn stashSet(_: Tx, scope: Scope, key: []const u8, value: []const u8) Error!void {
        return done(raw.mtad1.stash_set(@intFromEnum(scope), key.ptr, key.len, value.ptr, value.len));
    }
    /// Adds to a counter in the metrics; delta is not negative.
    pub fn counter(_: Tx, name: []const u8, delta: i64) Error!void {
        return done(raw.mtad1.counter(name.ptr, name.len, delta));
    }
    /// Whether the host has a feature: abi1, stash, counter, or a granted capability.
    pub fn feature(_: Tx, name: []const u8) bool {
        return raw.mtad1.feature(name.ptr, name.len) == 1;
    }

    /// The reply of the verdict: code (0 for the default), enhanced code, text.
    pub fn reply(_: Tx, code: i32, enhanced: []const u8, text: []const u8) Error!void {
        return done(raw.mtad1.reply(code, enhanced.ptr, enhanced.len, text.ptr, text.len));
    }
    /// Refuses for good: 550 with an enhanced code of class 5. The text goes to the sender.
    pub fn reject(tx: Tx, enhanced: []const u8, text: []const u8) Error!Verdict {
        try tx.reply(550, enhanced, text);
        return .reject;
    }
    /// Refuses for now: 451 with an enhanced code of class 4.
    pub fn tempfail(tx: Tx, enhanced: []const u8, text: []const u8) Error!Verdict {
        try tx.reply(451, enhanced, text);
        return .tempfail;
    }
    /// Queues the message on hold; the reason is shown to the admin.
    pub fn hold(tx: Tx, reason: []const u8) Error!Verdict {
        try tx.set("action.arg", reason);
        return .hold;
    }
    /// Queues the message on hold under a name.
    pub fn quarantine(tx: Tx, name: []const u8) Error!Verdict {
        try tx.set("action.arg", name);
        return .quarantine;
    }
    /// Replaces all recipients by an address.
    pub fn redirect(tx: Tx, address: []const u8) Error!Verdict {
        try tx.set("action.arg", address);
        return .redirect;
    }
    /// Sends the message through transport:nexthop.
    pub fn filter(tx: Tx, way: []const u8) Error!Verdict {
        try tx.set("action.arg", way);
        return .filter;
    }
    /// Answers a rewrite hook: the address as it is to be.
    pub fn foundAddr(tx: Tx, address: []const u8) Error!Verdict {
        try tx.set("rewrite.result", address);
        return .found;
    }
    /// Answers a route hook; an empty half stays as it was.
    pub fn foundRoute(tx: Tx, transport: []const u8, nexthop: []const u8) Error!Verdict {
        if (transport.len > 0) try tx.set("route.transport", transport);
        if (nexthop.len > 0) try tx.set("route.nexthop", nexthop);
        return .found;
    }
    /// Answers a lookup hook: the value of the key.
    pub fn foundValue(tx: Tx, value: []const u8) Error!Verdict {
        try tx.set("lookup.value", value);
        return .found;
    }

    // Capability "edit". Edits are applied when the hook returns.

    /// Inserts a header field before field pos; null appends.
    pub fn hdrAdd(_: Tx, name: []const u8, value: []const u8, pos: ?u32) Error!void {
        const at: i32 = if (pos) |p| @bitCast(p) else -1;
        return done(raw.edit.hdr_add(name.ptr, name.len, value.ptr, value.len, at));
    }
    /// Gives header field i another value.
    pub fn hdrSet(_: Tx, i: u32, value: []const u8) Error!void {
        return done(raw.edit.hdr_set(@bitCast(i), value.ptr, value.len));
    }
    /// Removes header field i.
    pub fn hdrDel(_: Tx, i: u32) Error!void {
        return done(raw.edit.hdr_del(@bitCast(i)));
    }
    /// Gives the first field with this name another value, or appends one.
    pub fn setHeader(tx: Tx, name: []const u8, value: []const u8) Error!void {
        return if (tx.hdrFind(name, 0)) |i| tx.hdrSet(i, value) else tx.hdrAdd(name, value, null);
    }
    /// Begins a new body, at eom.
    pub fn bodyBegin(_: Tx) Error!void {
        return done(raw.edit.body_begin());
    }
    /// Appends to the new body; lines may end in LF or CRLF.
    pub fn bodyWrite(_: Tx, text: []const u8) Error!void {
        return done(raw.edit.body_write(text.ptr, text.len));
    }
    /// Makes the new body the body.
    pub fn bodyEnd(_: Tx) Error!void {
        return done(raw.edit.body_end());
    }
    /// Changes the envelope sender.
    pub fn envFrom(_: Tx, address: []const u8) Error!void {
        return done(raw.edit.env_from(address.ptr, address.len));
    }
    /// Adds a recipient; flags is 0.
    pub fn rcptAdd(_: Tx, address: []const u8, flags: i32) Error!void {
        return done(raw.edit.rcpt_add(address.ptr, address.len, flags));
    }
    /// Removes recipient i.
    pub fn rcptDel(_: Tx, i: u32) Error!void {
        return done(raw.edit.rcpt_del(@bitCast(i)));
    }

    /// A key's value in a table of the configuration; capability "map". Only error.NotFound is "no".
    pub fn mapGet(_: Tx, table: []const u8, key: []const u8, buf: []u8) Error![]u8 {
        return filled(buf, raw.map.map_get(table.ptr, table.len, key.ptr, key.len, buf.ptr, buf.len));
    }

    // Capability "kv": a durable store of the plugin's own. ttl is in seconds, 0 for ever.

    /// A value of the store. error.NotFound: there is none.
    pub fn kvGet(_: Tx, key: []const u8, buf: []u8) Error![]u8 {
        return filled(buf, raw.kv.kv_get(key.ptr, key.len, buf.ptr, buf.len));
    }
    /// Stores a value.
    pub fn kvSet(_: Tx, key: []const u8, value: []const u8, ttl: i32) Error!void {
        return done(raw.kv.kv_set(key.ptr, key.len, value.ptr, value.len, ttl));
    }
    /// Adds to a count, atomically, and returns it. A new count lives ttl seconds from then on.
    pub fn kvIncr(_: Tx, key: []const u8, delta: i64, ttl: i32) Error!i64 {
        return number(raw.kv.kv_incr(key.ptr, key.len, delta, ttl));
    }
    /// Forgets a value; nothing there is no error.
    pub fn kvDel(_: Tx, key: []const u8) Error!void {
        return done(raw.kv.kv_del(key.ptr, key.len));
    }

    /// Records in presentation form, one a line; capability "dns". error.NotFound: there are none.
    pub fn dns(_: Tx, kind: DNS, name: []const u8, buf: []u8) Error![]u8 {
        return filled(buf, raw.names.dns(@intFromEnum(kind), name.ptr, name.len, buf.ptr, buf.len));
    }

    // Capability "scan". After a match, the properties scan.end and scan.match say the rest.

    /// The offset of the word of a set that ends first, from offset from on.
    pub fn words(_: Tx, words_set: []const u8, text: Text, from: i64) Error!i64 {
        return number(raw.scan.words(words_set.ptr, words_set.len, @intFromEnum(text), from));
    }
    /// The offset of the first match of a pattern (RE2 syntax), from offset from on.
    pub fn regexp(_: Tx, pattern: []const u8, text: Text, from: i64) Error!i64 {
        return number(raw.scan.regexp(pattern.ptr, pattern.len, @intFromEnum(text), from));
    }
    /// The hash of a text in hexadecimal digits.
    pub fn hash(_: Tx, alg: Hash, text: Text, buf: []u8) Error![]u8 {
        return filled(buf, raw.scan.hash(@intFromEnum(alg), @intFromEnum(text), buf.ptr, buf.len));
    }
    /// What is said of MIME part i. error.NotFound: there are fewer parts.
    pub fn mimePart(_: Tx, i: u32, what: MIMEInfo, buf: []u8) Error![]u8 {
        return filled(buf, raw.scan.mime_part(@bitCast(i), @intFromEnum(what), 0, buf.ptr, buf.len));
    }
    /// Decoded content of MIME part i from offset off on, as much as buf holds; none at the end.
    pub fn mimeRead(_: Tx, i: u32, off: u64, buf: []u8) Error![]u8 {
        return filled(buf, raw.scan.mime_part(@bitCast(i), 0, @bitCast(off), buf.ptr, buf.len));
    }

    // Capability "deliver".

    /// What became of recipient i: class 2 is sent, 4 deferred, 5 bounced.
    pub fn rcptStatus(_: Tx, i: u32, code: i32, enhanced: []const u8, text: []const u8) Error!void {
        return done(raw.transport.rcpt_status(@bitCast(i), code, enhanced.ptr, enhanced.len, text.ptr, text.len));
    }
};

const hooks = [_][]const u8{ "connect", "helo", "auth", "mail", "rcpt", "data", "headers", "body", "eom", "abort", "rewrite", "route", "deliver", "lookup", "event" };

/// Exports the hooks that P declares as public functions `fn (Tx) Verdict`, `fn (Tx) !Verdict`, or,
/// for abort and event, `fn (Tx) void`; and `pub fn init(tx: Tx) ?[]const u8`, which reads the
/// configuration once, at load, and returns why the plugin cannot be loaded, or null.
pub fn plugin(comptime P: type) void {
    @export(&marker, .{ .name = "mtad_abi_1" });
    if (@hasDecl(P, "init")) @export(&Init(P).init, .{ .name = "mtad_init" });
    inline for (hooks) |name| {
        if (@hasDecl(P, name)) @export(&Hook(@field(P, name)).call, .{ .name = "mtad_" ++ name });
    }
}

fn marker() callconv(.c) void {}

fn Init(comptime P: type) type {
    return struct {
        fn init() callconv(.c) i32 {
            const why = P.init(.{}) orelse return 0;
            Tx.reply(.{}, 0, "", why) catch {};
            return 1;
        }
    };
}

fn Hook(comptime hook: anytype) type {
    return struct {
        fn call() callconv(.c) i32 {
            return answer(hook(Tx{}));
        }
    };
}

fn answer(got: anytype) i32 {
    switch (@typeInfo(@TypeOf(got))) {
        .void => return 0,
        .error_union => {
            const v = got catch |e| {
                Tx.log(.{}, .warn, @errorName(e));
                return @intFromEnum(Verdict.tempfail);
            };
            return answer(v);
        },
        else => return @intFromEnum(@as(Verdict, got)),
    }
}

/// What a panic does in a file that says `pub const panic = mtad.panic;`: the message is logged, and
/// the hook has failed.
pub const panic = std.debug.FullPanic(struct {
    fn report(msg: []const u8, _: ?usize) noreturn {
        Tx.log(.{}, .err, msg);
        @trap();
    }
}.report);
