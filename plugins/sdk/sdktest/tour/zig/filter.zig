//! The tour in Zig: what mtad.zig has beyond the calls of the ABI.
const std = @import("std");
const mtad = @import("mtad");
const Tx = mtad.Tx;
const Verdict = mtad.Verdict;

comptime {
    mtad.plugin(@This());
}

var buf: [1000]u8 = undefined;
var text: [1000]u8 = undefined;

fn is(a: []const u8, b: []const u8) bool {
    return std.mem.eql(u8, a, b);
}

pub fn connect(tx: Tx) !Verdict {
    const client = try tx.get("client.addr", &buf);
    if (is(client, "192.0.2.1")) return tx.hold("from a list");
    if (is(client, "192.0.2.2")) return tx.redirect("abuse@example.com");
    if (is(client, "192.0.2.3")) return tx.reject("5.7.0", "go away");
    if (is(client, "192.0.2.4")) return tx.tempfail("4.7.0", "later");
    return .@"continue";
}

pub fn headers(tx: Tx) !Verdict {
    const subject = try tx.header("Subject", &buf) orelse "";
    if (is(subject, "virus")) return tx.quarantine("virus");
    if (is(subject, "slow")) return tx.filter("relay:[192.0.2.7]");
    return .@"continue";
}

pub fn eom(tx: Tx) !Verdict {
    const subject = try tx.header("Subject", &buf) orelse "";
    try tx.setHeader("Subject", try std.fmt.bufPrint(&text, "[x] {s}", .{subject}));
    try tx.setHeader("X-New", "1");
    var small: [299]u8 = undefined;
    if (tx.header("X-Long", &small)) |_| return .reject else |e| if (e != error.NoSpaceLeft) return e;
    const long = try tx.header("X-Long", &buf) orelse "";
    tx.log(.info, try std.fmt.bufPrint(&text, "{d} {d} {d} {d}", .{ long.len, tx.configInt("n", 7), tx.configInt("bad", 7), tx.configInt("minus", 7) }));
    return .@"continue";
}

pub fn rewrite(tx: Tx) !Verdict {
    return tx.foundAddr("x@example.com");
}

pub fn route(tx: Tx) !Verdict {
    const rcpt = try tx.get("rcpt.addr", &buf);
    if (is(rcpt, "a@b")) return tx.foundRoute("lmtp", "unix:/run/x");
    if (is(rcpt, "c@d")) return tx.foundRoute("", "[192.0.2.9]");
    return tx.foundRoute("relay", "");
}

pub fn lookup(tx: Tx) !Verdict {
    return tx.foundValue(try std.fmt.bufPrint(&text, "{s}.example", .{try tx.get("lookup.key", &buf)}));
}

pub fn event(tx: Tx) !void {
    try tx.counter("events", 1);
    tx.log(.info, try tx.get("event.kind", &buf));
}
