//! filter: refuses messages that have a configured word in the Subject, and marks the others.
const std = @import("std");
const mtad = @import("mtad");

comptime {
    mtad.plugin(@This());
}

var space: [64]u8 = undefined;
var word: []const u8 = "lottery";

/// The configuration is read once, at load.
pub fn init(tx: mtad.Tx) ?[]const u8 {
    word = tx.config("word", &space) catch |e| switch (e) {
        error.NotFound => return null,
        else => return "word must have 1 to 64 letters",
    };
    return null;
}

/// Asked when the whole message has arrived.
pub fn eom(tx: mtad.Tx) !mtad.Verdict {
    var buf: [4096]u8 = undefined;
    if (try tx.header("Subject", &buf)) |subject| {
        if (std.ascii.indexOfIgnoreCase(subject, word) != null)
            return tx.reject("5.7.1", "messages about this are not taken here");
    }
    try tx.hdrAdd("X-Checked", "yes", null);
    return .@"continue";
}
