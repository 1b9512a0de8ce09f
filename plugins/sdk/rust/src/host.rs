//! ABI 1 call by call: bytes in, bytes into the caller's buffer, an [`Error`] for a negative answer.
//!
//! A function that reads returns the full length of the value, which may be more than the buffer
//! got; an empty buffer asks for the length. Nothing here allocates. What a plugin does not call is
//! not imported, so that its module asks for no more than it uses.

use crate::Error;

type Result<T> = core::result::Result<T, Error>;

/// The host's functions as they are imported.
mod raw {
    #[link(wasm_import_module = "mtad1")]
    extern "C" {
        pub fn get(kp: *const u8, kn: usize, buf: *mut u8, cap: usize) -> i32;
        pub fn set(kp: *const u8, kn: usize, vp: *const u8, vn: usize) -> i32;
        pub fn hdr_count() -> i32;
        pub fn hdr_get(i: i32, what: i32, buf: *mut u8, cap: usize) -> i32;
        pub fn hdr_find(np: *const u8, nn: usize, from: i32) -> i32;
        pub fn rcpt_count() -> i32;
        pub fn rcpt_get(i: i32, what: i32, buf: *mut u8, cap: usize) -> i32;
        pub fn body_size() -> i64;
        pub fn body_read(off: i64, buf: *mut u8, cap: usize) -> i32;
        pub fn msg_read(off: i64, buf: *mut u8, cap: usize) -> i32;
        pub fn reply(code: i32, ep: *const u8, en: usize, tp: *const u8, tn: usize) -> i32;
        pub fn config(kp: *const u8, kn: usize, buf: *mut u8, cap: usize) -> i32;
        pub fn log(level: i32, p: *const u8, n: usize);
        pub fn now(clock: i32) -> i64;
        pub fn random(buf: *mut u8, n: usize) -> i32;
        pub fn stash_get(scope: i32, kp: *const u8, kn: usize, buf: *mut u8, cap: usize) -> i32;
        pub fn stash_set(scope: i32, kp: *const u8, kn: usize, vp: *const u8, vn: usize) -> i32;
        pub fn counter(np: *const u8, nn: usize, delta: i64) -> i32;
        pub fn feature(np: *const u8, nn: usize) -> i32;
    }
    #[link(wasm_import_module = "mtad1_edit")]
    extern "C" {
        pub fn hdr_add(np: *const u8, nn: usize, vp: *const u8, vn: usize, pos: i32) -> i32;
        pub fn hdr_set(i: i32, vp: *const u8, vn: usize) -> i32;
        pub fn hdr_del(i: i32) -> i32;
        pub fn body_begin() -> i32;
        pub fn body_write(p: *const u8, n: usize) -> i32;
        pub fn body_end() -> i32;
        pub fn env_from(p: *const u8, n: usize) -> i32;
        pub fn rcpt_add(p: *const u8, n: usize, flags: i32) -> i32;
        pub fn rcpt_del(i: i32) -> i32;
    }
    #[link(wasm_import_module = "mtad1_map")]
    extern "C" {
        pub fn map_get(mp: *const u8, mn: usize, kp: *const u8, kn: usize, buf: *mut u8, cap: usize) -> i32;
    }
    #[link(wasm_import_module = "mtad1_kv")]
    extern "C" {
        pub fn kv_get(kp: *const u8, kn: usize, buf: *mut u8, cap: usize) -> i32;
        pub fn kv_set(kp: *const u8, kn: usize, vp: *const u8, vn: usize, ttl: i32) -> i32;
        pub fn kv_incr(kp: *const u8, kn: usize, delta: i64, ttl: i32) -> i64;
        pub fn kv_del(kp: *const u8, kn: usize) -> i32;
    }
    #[link(wasm_import_module = "mtad1_dns")]
    extern "C" {
        pub fn dns(kind: i32, np: *const u8, nn: usize, buf: *mut u8, cap: usize) -> i32;
    }
    #[link(wasm_import_module = "mtad1_scan")]
    extern "C" {
        pub fn words(sp: *const u8, sn: usize, text: i32, from: i64) -> i64;
        pub fn regexp(pp: *const u8, pn: usize, text: i32, from: i64) -> i64;
        pub fn hash(alg: i32, text: i32, buf: *mut u8, cap: usize) -> i32;
        pub fn mime_part(i: i32, what: i32, off: i64, buf: *mut u8, cap: usize) -> i32;
    }
    #[link(wasm_import_module = "mtad1_deliver")]
    extern "C" {
        pub fn rcpt_status(i: i32, code: i32, ep: *const u8, en: usize, tp: *const u8, tn: usize) -> i32;
    }
}

/// A length or an index; a negative number is an error.
fn size(n: i32) -> Result<usize> {
    if n < 0 {
        return Err(Error::of(n.into()));
    }
    Ok(n as usize)
}

/// Success is 0; a negative number is an error.
fn done(n: i32) -> Result<()> {
    size(n).map(|_| ())
}

/// A count or an offset; a negative number is an error.
fn long(n: i64) -> Result<i64> {
    if n < 0 {
        return Err(Error::of(n));
    }
    Ok(n)
}

// SAFETY of every call below: the pointers are those of live slices with their lengths, the host
// reads or writes these bytes during the call only, and there is one thread.

/// A property; `docs/abi.md` lists them.
pub fn get(key: &[u8], buf: &mut [u8]) -> Result<usize> {
    size(unsafe { raw::get(key.as_ptr(), key.len(), buf.as_mut_ptr(), buf.len()) })
}

/// Sets an answer: `action.arg`, `action.filter`, `action.redirect`, `rewrite.result`, `route.transport`, `route.nexthop`, `lookup.value`, `deliver.relay`.
pub fn set(key: &[u8], value: &[u8]) -> Result<()> {
    done(unsafe { raw::set(key.as_ptr(), key.len(), value.as_ptr(), value.len()) })
}

/// The number of header fields; 0 before the header is known.
pub fn hdr_count() -> usize {
    size(unsafe { raw::hdr_count() }).unwrap_or(0)
}

/// Part `what` of header field `i`: 0 name, 1 value unfolded and trimmed, 2 the raw field.
pub fn hdr_get(i: usize, what: i32, buf: &mut [u8]) -> Result<usize> {
    size(unsafe { raw::hdr_get(i as i32, what, buf.as_mut_ptr(), buf.len()) })
}

/// The first field with this name, in any case, from index `from` on.
pub fn hdr_find(name: &[u8], from: usize) -> Option<usize> {
    size(unsafe { raw::hdr_find(name.as_ptr(), name.len(), from as i32) }).ok()
}

/// The number of recipients so far.
pub fn rcpt_count() -> usize {
    size(unsafe { raw::rcpt_count() }).unwrap_or(0)
}

/// Part `what` of recipient `i`: 0 address, 1 address as given, 2 parameters of RCPT.
pub fn rcpt_get(i: usize, what: i32, buf: &mut [u8]) -> Result<usize> {
    size(unsafe { raw::rcpt_get(i as i32, what, buf.as_mut_ptr(), buf.len()) })
}

/// The length of the body in bytes; at `body` of what has arrived; `None` before that.
pub fn body_size() -> Option<u64> {
    let n = unsafe { raw::body_size() };
    if n < 0 {
        None
    } else {
        Some(n as u64)
    }
}

/// Fills `buf` from offset `off` of the body and returns the number of bytes, 0 at the end.
pub fn body_read(off: u64, buf: &mut [u8]) -> Result<usize> {
    size(unsafe { raw::body_read(off as i64, buf.as_mut_ptr(), buf.len()) })
}

/// Fills `buf` from offset `off` of the message, header included, and returns the number of bytes, 0 at the end.
pub fn msg_read(off: u64, buf: &mut [u8]) -> Result<usize> {
    size(unsafe { raw::msg_read(off as i64, buf.as_mut_ptr(), buf.len()) })
}

/// The reply of the verdict: code (0 for the default), enhanced code, text.
pub fn reply(code: i32, enhanced: &[u8], text: &[u8]) -> Result<()> {
    done(unsafe { raw::reply(code, enhanced.as_ptr(), enhanced.len(), text.as_ptr(), text.len()) })
}

/// A value of `[plugin.config]`.
pub fn config(key: &[u8], buf: &mut [u8]) -> Result<usize> {
    size(unsafe { raw::config(key.as_ptr(), key.len(), buf.as_mut_ptr(), buf.len()) })
}

/// A line in the mail log: level 0 debug (dropped), 1 info, 2 warning, 3 error.
pub fn log(level: i32, text: &[u8]) {
    unsafe { raw::log(level, text.as_ptr(), text.len()) }
}

/// Nanoseconds: clock 0 since 1970, 1 monotonic.
pub fn now(clock: i32) -> i64 {
    unsafe { raw::now(clock) }
}

/// Fills `buf` with random bytes.
pub fn random(buf: &mut [u8]) -> Result<()> {
    done(unsafe { raw::random(buf.as_mut_ptr(), buf.len()) })
}

/// A value that this plugin keeps for the connection (scope 0) or the message (1).
pub fn stash_get(scope: i32, key: &[u8], buf: &mut [u8]) -> Result<usize> {
    size(unsafe { raw::stash_get(scope, key.as_ptr(), key.len(), buf.as_mut_ptr(), buf.len()) })
}

/// Keeps a value for the connection (scope 0) or the message (1).
pub fn stash_set(scope: i32, key: &[u8], value: &[u8]) -> Result<()> {
    done(unsafe { raw::stash_set(scope, key.as_ptr(), key.len(), value.as_ptr(), value.len()) })
}

/// Adds to a counter in the metrics; `delta` is not negative.
pub fn counter(name: &[u8], delta: i64) -> Result<()> {
    done(unsafe { raw::counter(name.as_ptr(), name.len(), delta) })
}

/// Whether the host has a feature: `abi1`, `stash`, `counter`, or a granted capability.
pub fn feature(name: &[u8]) -> bool {
    unsafe { raw::feature(name.as_ptr(), name.len()) == 1 }
}

/// Inserts a header field before field `pos`; −1 appends.
pub fn hdr_add(name: &[u8], value: &[u8], pos: i32) -> Result<()> {
    done(unsafe { raw::hdr_add(name.as_ptr(), name.len(), value.as_ptr(), value.len(), pos) })
}

/// Gives header field `i` another value.
pub fn hdr_set(i: usize, value: &[u8]) -> Result<()> {
    done(unsafe { raw::hdr_set(i as i32, value.as_ptr(), value.len()) })
}

/// Removes header field `i`.
pub fn hdr_del(i: usize) -> Result<()> {
    done(unsafe { raw::hdr_del(i as i32) })
}

/// Begins a new body.
pub fn body_begin() -> Result<()> {
    done(unsafe { raw::body_begin() })
}

/// Appends to the new body.
pub fn body_write(text: &[u8]) -> Result<()> {
    done(unsafe { raw::body_write(text.as_ptr(), text.len()) })
}

/// Makes the new body the body.
pub fn body_end() -> Result<()> {
    done(unsafe { raw::body_end() })
}

/// Changes the envelope sender.
pub fn env_from(address: &[u8]) -> Result<()> {
    done(unsafe { raw::env_from(address.as_ptr(), address.len()) })
}

/// Adds a recipient; `flags` is 0.
pub fn rcpt_add(address: &[u8], flags: i32) -> Result<()> {
    done(unsafe { raw::rcpt_add(address.as_ptr(), address.len(), flags) })
}

/// Removes recipient `i`.
pub fn rcpt_del(i: usize) -> Result<()> {
    done(unsafe { raw::rcpt_del(i as i32) })
}

/// Looks a key up in a table of the plugin's configuration. Only `NotFound` is "no".
pub fn map_get(map: &[u8], key: &[u8], buf: &mut [u8]) -> Result<usize> {
    size(unsafe { raw::map_get(map.as_ptr(), map.len(), key.as_ptr(), key.len(), buf.as_mut_ptr(), buf.len()) })
}

/// A value of the plugin's store.
pub fn kv_get(key: &[u8], buf: &mut [u8]) -> Result<usize> {
    size(unsafe { raw::kv_get(key.as_ptr(), key.len(), buf.as_mut_ptr(), buf.len()) })
}

/// Stores a value for `ttl` seconds, 0 for ever.
pub fn kv_set(key: &[u8], value: &[u8], ttl: i32) -> Result<()> {
    done(unsafe { raw::kv_set(key.as_ptr(), key.len(), value.as_ptr(), value.len(), ttl) })
}

/// Adds to a count, atomically, and returns it. A new count lives `ttl` seconds.
pub fn kv_incr(key: &[u8], delta: i64, ttl: i32) -> Result<i64> {
    long(unsafe { raw::kv_incr(key.as_ptr(), key.len(), delta, ttl) })
}

/// Forgets a value; nothing there is no error.
pub fn kv_del(key: &[u8]) -> Result<()> {
    done(unsafe { raw::kv_del(key.as_ptr(), key.len()) })
}

/// DNS records of type `kind` in presentation form, one a line.
pub fn dns(kind: i32, name: &[u8], buf: &mut [u8]) -> Result<usize> {
    size(unsafe { raw::dns(kind, name.as_ptr(), name.len(), buf.as_mut_ptr(), buf.len()) })
}

/// The offset of the word of a set that ends first, from offset `from` on.
pub fn words(set: &[u8], text: i32, from: i64) -> Result<i64> {
    long(unsafe { raw::words(set.as_ptr(), set.len(), text, from) })
}

/// The offset of the first match of a pattern, from offset `from` on.
pub fn regexp(pattern: &[u8], text: i32, from: i64) -> Result<i64> {
    long(unsafe { raw::regexp(pattern.as_ptr(), pattern.len(), text, from) })
}

/// The hash of a text in hexadecimal digits: 0 MD5, 1 SHA-1, 2 SHA-256.
pub fn hash(alg: i32, text: i32, buf: &mut [u8]) -> Result<usize> {
    size(unsafe { raw::hash(alg, text, buf.as_mut_ptr(), buf.len()) })
}

/// Of MIME part `i`: 0 its decoded content from `off` on, 1 type, 2 file name, 3 charset, 4 disposition, 5 size.
pub fn mime_part(i: usize, what: i32, off: u64, buf: &mut [u8]) -> Result<usize> {
    size(unsafe { raw::mime_part(i as i32, what, off as i64, buf.as_mut_ptr(), buf.len()) })
}

/// What became of recipient `i`: class 2 sent, 4 deferred, 5 bounced.
pub fn rcpt_status(i: usize, code: i32, enhanced: &[u8], text: &[u8]) -> Result<()> {
    done(unsafe { raw::rcpt_status(i as i32, code, enhanced.as_ptr(), enhanced.len(), text.as_ptr(), text.len()) })
}
