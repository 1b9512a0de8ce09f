//! baked-table: a lookup table whose rows stand in table.txt and are compiled into the module. It is
//! sorted by the compiler and searched in steps of halves: no file is read, nothing is allocated.
//!
//! A line of table.txt is a key and a value, as in a Postfix table: "key value"; an empty line and
//! one that begins with # mean nothing.
const std = @import("std");
const mtad = @import("mtad");

pub const panic = mtad.panic;

comptime {
    mtad.plugin(@This());
}

const Row = struct { key: []const u8, value: []const u8 };

const rows = parse(@embedFile("table.txt"));

/// The rows of a file, sorted by key. A key that is there twice does not compile.
fn parse(comptime file: []const u8) [count(file)]Row {
    @setEvalBranchQuota(4_000_000);
    comptime {
        var list: [count(file)]Row = undefined;
        var n = 0;
        var lines = std.mem.tokenizeAny(u8, file, "\r\n");
        while (lines.next()) |line| {
            if (line[0] == '#') continue;
            const cut = std.mem.indexOfAny(u8, line, " \t") orelse @compileError("a key without a value: " ++ line);
            const key = folded(line[0..cut]);
            list[n] = .{ .key = key, .value = std.mem.trim(u8, line[cut..], " \t") };
            n += 1;
        }
        std.mem.sortUnstable(Row, &list, {}, before);
        for (0..list.len) |i| {
            if (i > 0 and std.mem.eql(u8, list[i - 1].key, list[i].key)) @compileError("a key is there twice: " ++ list[i].key);
        }
        return list;
    }
}

fn folded(comptime key: []const u8) []const u8 {
    var buf: [key.len]u8 = undefined;
    _ = std.ascii.lowerString(&buf, key);
    const done = buf;
    return &done;
}

fn count(comptime file: []const u8) usize {
    @setEvalBranchQuota(4_000_000);
    var n: usize = 0;
    var lines = std.mem.tokenizeAny(u8, file, "\r\n");
    while (lines.next()) |line| {
        if (line[0] != '#') n += 1;
    }
    return n;
}

fn before(_: void, a: Row, b: Row) bool {
    return std.mem.lessThan(u8, a.key, b.key);
}

/// find returns the value of a key in lower case.
fn find(key: []const u8) ?[]const u8 {
    var low: usize = 0;
    var high: usize = rows.len;
    while (low < high) {
        const mid = low + (high - low) / 2;
        switch (std.mem.order(u8, rows[mid].key, key)) {
            .eq => return rows[mid].value,
            .lt => low = mid + 1,
            .gt => high = mid,
        }
    }
    return null;
}

/// lookup is asked for a key: user@domain, domain, … as Postfix asks its tables.
/// Postfix asks for the parents of a domain by itself.
pub fn lookup(tx: mtad.Tx) !mtad.Verdict {
    var key_buf: [512]u8 = undefined;
    const given = tx.get("lookup.key", &key_buf) catch |e| switch (e) {
        error.NotFound, error.NoSpaceLeft => return .@"continue", // no key of the table is empty or so long
        else => return e,
    };
    const key = std.ascii.lowerString(&key_buf, given);
    return tx.foundValue(find(key) orelse return .@"continue");
}
