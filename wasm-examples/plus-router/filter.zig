//! plus-router: what stands behind "+" in a recipient's address says where the message goes.
//! It takes the detail off the address when the message enters the queue, or keeps it and sends
//! the message another way.
const std = @import("std");
const mtad = @import("mtad");

pub const panic = mtad.panic;

comptime {
    mtad.plugin(@This());
}

/// The longest address that mtad takes.
const max = 320;

var domains_space: [2048]u8 = undefined;
var domains: []const u8 = "";
var delimiters_space: [8]u8 = undefined;
var delimiters: []const u8 = "+";
var strip = true;

/// The configuration is read once, at load.
pub fn init(tx: mtad.Tx) ?[]const u8 {
    domains = optional(tx.config("domains", &domains_space)) catch return "domains is longer than 2,048 bytes";
    const d = optional(tx.config("delimiters", &delimiters_space)) catch return "delimiters has more than 8 letters";
    if (d.len > 0) delimiters = d;
    if (std.mem.indexOfAny(u8, delimiters, "@\" \t\\<>") != null) return "delimiters cannot have @, quotes, spaces or brackets";
    var buf: [8]u8 = undefined;
    const how = optional(tx.config("strip", &buf)) catch "?";
    if (std.mem.eql(u8, how, "no") or std.mem.eql(u8, how, "false")) {
        strip = false;
    } else if (how.len > 0 and !std.mem.eql(u8, how, "yes") and !std.mem.eql(u8, how, "true")) {
        return "strip: want yes or no";
    }
    return null;
}

/// What is not set is empty.
fn optional(value: mtad.Error![]u8) mtad.Error![]const u8 {
    return value catch |e| if (e == error.NotFound) "" else e;
}

/// An address taken apart: user + detail @ domain.
const Parts = struct {
    user: []const u8,
    detail: []const u8,
    domain: []const u8,

    /// null for an address without a detail, of another domain, or one whose local part is quoted:
    /// there a "+" has no meaning of ours.
    fn of(address: []const u8) ?Parts {
        if (address.len == 0 or address[0] == '"') return null;
        const at = std.mem.lastIndexOfScalar(u8, address, '@') orelse return null;
        const local = address[0..at];
        const domain = address[at + 1 ..];
        if (!ours(domain)) return null;
        const cut = std.mem.indexOfAny(u8, local, delimiters) orelse return null;
        if (cut == 0 or cut + 1 == local.len) return null; // "+x@" and "x+@" are names
        return .{ .user = local[0..cut], .detail = local[cut + 1 ..], .domain = domain };
    }
};

/// Whether a domain is one of the configured ones; all are when there are none.
fn ours(domain: []const u8) bool {
    if (domains.len == 0) return true;
    var list = std.mem.tokenizeAny(u8, domains, " ,\t\r\n");
    while (list.next()) |d| {
        if (std.ascii.eqlIgnoreCase(d, domain)) return true;
    }
    return false;
}

/// rewrite is asked about each address of a message that enters the queue. The detail leaves the
/// recipient.
pub fn rewrite(tx: mtad.Tx) !mtad.Verdict {
    var class_buf: [32]u8 = undefined;
    const class = try tx.get("rewrite.class", &class_buf);
    if (!std.mem.eql(u8, class, "envelope_recipient")) return .@"continue";
    var address_buf: [max]u8 = undefined;
    const address = tx.get("rewrite.addr", &address_buf) catch |e| switch (e) {
        error.NotFound, error.NoSpaceLeft => return .@"continue", // no address of ours is so long
        else => return e,
    };
    const p = Parts.of(address) orelse return .@"continue";
    if (!strip) return .@"continue";
    var out: [max]u8 = undefined;
    return tx.foundAddr(try std.fmt.bufPrint(&out, "{s}@{s}", .{ p.user, p.domain }));
}

/// route is asked about the way of each recipient: the table routes says, by detail, where to.
pub fn route(tx: mtad.Tx) !mtad.Verdict {
    var address_buf: [max]u8 = undefined;
    const address = tx.get("rcpt.addr", &address_buf) catch |e| switch (e) {
        error.NotFound, error.NoSpaceLeft => return .@"continue",
        else => return e,
    };
    const p = Parts.of(address) orelse return .@"continue";
    var key_buf: [max]u8 = undefined;
    const key = std.ascii.lowerString(&key_buf, p.detail);
    var way_buf: [1000]u8 = undefined;
    const way = tx.mapGet("routes", key, &way_buf) catch |e| switch (e) {
        error.NotFound => return .@"continue",
        error.Invalid => return .@"continue", // there is no table routes
        else => return e, // an error is not "no": later
    };
    const colon = std.mem.indexOfScalar(u8, way, ':') orelse return tx.foundRoute(way, "");
    return tx.foundRoute(way[0..colon], way[colon + 1 ..]);
}
