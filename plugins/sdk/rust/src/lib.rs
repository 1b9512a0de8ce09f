//! Plugins for mtad in Rust: a value with the hooks it wants.
//!
//! ```ignore
//! use mtad::{Plugin, Result, Tx, Verdict};
//!
//! #[derive(Default)]
//! struct NoSpam;
//!
//! impl Plugin for NoSpam {
//!     fn eom(&self, tx: &Tx) -> Result<Verdict> {
//!         if tx.header("Subject").contains("SPAM") {
//!             return tx.reject("5.7.1", "no spam here");
//!         }
//!         Ok(Verdict::Continue)
//!     }
//! }
//!
//! mtad::export!(NoSpam: eom);
//! ```
//!
//! [`export!`] names the hooks that the module exports: mtad asks at these and at no others. [`Tx`]
//! is the transaction in comfortable words, [`host`] is ABI 1 call by call without allocation.
//! `docs/abi.md` is the reference of what they mean.
//!
//! A hook that ends with `Err` answers [`Verdict::Tempfail`] and logs the error: an error is not
//! "no". A panic is a failure of the plugin: its hook changed nothing, and the message meets the
//! plugin's `on_error`.

#![warn(missing_docs)]

pub mod host;
mod tx;

pub use tx::{Message, Part, Tx};

use std::cell::UnsafeCell;
use std::fmt;

/// What a hook answers. Which count where is in docs/abi.md; [`Tx::reject`], [`Tx::hold`] and the
/// others say the words that go with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Verdict {
    /// Go on with the next plugin.
    Continue = 0,
    /// Skip the rest of this point's chain.
    Accept = 1,
    /// 4xx; 451 4.7.1 unless a reply was set.
    Tempfail = 2,
    /// 5xx; 550 5.7.1 unless a reply was set.
    Reject = 3,
    /// Say 250 and throw the message away.
    Discard = 4,
    /// Queue it on hold.
    Hold = 5,
    /// Queue it on hold under a name.
    Quarantine = 6,
    /// Replace all recipients.
    Redirect = 7,
    /// Send it through a content filter.
    Filter = 8,
    /// An answer was given (rewrite, route, lookup).
    Found = 9,
}

/// How a host call fails. Only `NotFound` is "no".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// No such property, field, key, record, part or match.
    NotFound,
    /// The capability is not in the plugin's `allow` list.
    Denied,
    /// A number, name or pattern that makes no sense.
    Invalid,
    /// The value is too large, or a quota is used up.
    Limit,
    /// Not at this hook.
    Stage,
    /// A table, the DNS or the clock could not say: try again later.
    Again,
    /// This host does not have it.
    Unsupported,
    /// The disk failed.
    Io,
}

impl Error {
    /// The error of a negative answer of the host.
    pub(crate) fn of(n: i64) -> Error {
        match n {
            -1 => Error::NotFound,
            -2 => Error::Denied,
            -3 => Error::Invalid,
            -4 => Error::Limit,
            -5 => Error::Stage,
            -6 => Error::Again,
            -7 => Error::Unsupported,
            _ => Error::Io,
        }
    }

    /// The error in words.
    pub fn text(self) -> &'static str {
        match self {
            Error::NotFound => "not found",
            Error::Denied => "denied: not in this plugin's allow list",
            Error::Invalid => "bad argument",
            Error::Limit => "limit reached",
            Error::Stage => "not at this hook point",
            Error::Again => "try again later",
            Error::Unsupported => "not supported by this host",
            Error::Io => "input/output error",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for Error {}

/// What host calls and hooks return.
pub type Result<T> = std::result::Result<T, Error>;

/// Level of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Dropped.
    Debug = 0,
    /// An admin may want it tomorrow.
    Info = 1,
    /// Someone should look.
    Warn = 2,
    /// Mail may be harmed.
    Error = 3,
}

/// How long a stashed value lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Until the connection ends.
    Connection = 0,
    /// Until the message ends.
    Message = 1,
}

/// A text of the message that the scan functions look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// Header and body as they are.
    Message,
    /// The header block.
    Header,
    /// The body as it is.
    Body,
    /// All MIME parts of type text/*, decoded, one after the other.
    Decoded,
    /// One MIME part, decoded.
    Part(usize),
}

impl Text {
    /// The number that the ABI has for the text.
    pub fn number(self) -> i32 {
        match self {
            Text::Message => 0,
            Text::Header => 1,
            Text::Body => 2,
            Text::Decoded => 3,
            Text::Part(i) => (i as i32).saturating_add(16),
        }
    }
}

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// MD5, 32 digits.
    Md5 = 0,
    /// SHA-1, 40 digits.
    Sha1 = 1,
    /// SHA-256, 64 digits.
    Sha256 = 2,
}

/// A type of DNS records, as the DNS numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Dns {
    A = 1,
    Ns = 2,
    Cname = 5,
    Ptr = 12,
    Mx = 15,
    Txt = 16,
    Aaaa = 28,
    Srv = 33,
    Tlsa = 52,
}

/// A plugin: the hooks that [`export!`] names are called, and every hook has a default that goes on.
///
/// The value is made by `Default` and prepared by [`init`](Plugin::init) once. Memory is set back
/// to what it was then after each call: what must last goes to the stash or the store.
pub trait Plugin: Default + 'static {
    /// Reads and checks the configuration, once, at load. An error refuses to load, with its text.
    fn init(&mut self, _tx: &Tx) -> std::result::Result<(), String> {
        Ok(())
    }
    /// A client connected.
    fn connect(&self, _tx: &Tx) -> Result<Verdict> {
        Ok(Verdict::Continue)
    }
    /// HELO or EHLO.
    fn helo(&self, _tx: &Tx) -> Result<Verdict> {
        Ok(Verdict::Continue)
    }
    /// After a successful AUTH.
    fn auth(&self, _tx: &Tx) -> Result<Verdict> {
        Ok(Verdict::Continue)
    }
    /// MAIL.
    fn mail(&self, _tx: &Tx) -> Result<Verdict> {
        Ok(Verdict::Continue)
    }
    /// Each RCPT; the verdict is about that recipient.
    fn rcpt(&self, _tx: &Tx) -> Result<Verdict> {
        Ok(Verdict::Continue)
    }
    /// DATA, before any text.
    fn data(&self, _tx: &Tx) -> Result<Verdict> {
        Ok(Verdict::Continue)
    }
    /// The header is complete, the body not read.
    fn headers(&self, _tx: &Tx) -> Result<Verdict> {
        Ok(Verdict::Continue)
    }
    /// Each chunk of the body, at most 64 KiB: [`Tx::chunk`].
    fn body(&self, _tx: &Tx) -> Result<Verdict> {
        Ok(Verdict::Continue)
    }
    /// The whole message is at hand.
    fn eom(&self, _tx: &Tx) -> Result<Verdict> {
        Ok(Verdict::Continue)
    }
    /// The transaction is gone.
    fn abort(&self, _tx: &Tx) {}
    /// One address: [`Tx::rewrite_class`], [`Tx::rewrite_addr`], answered by [`Tx::found_addr`].
    fn rewrite(&self, _tx: &Tx) -> Result<Verdict> {
        Ok(Verdict::Continue)
    }
    /// The way of one recipient, answered by [`Tx::found_route`].
    fn route(&self, _tx: &Tx) -> Result<Verdict> {
        Ok(Verdict::Continue)
    }
    /// The plugin is a transport: [`Tx::sent`], [`Tx::deferred`], [`Tx::bounced`] for each recipient.
    fn deliver(&self, _tx: &Tx) -> Result<Verdict> {
        Ok(Verdict::Continue)
    }
    /// The plugin is a table: [`Tx::lookup_key`], answered by [`Tx::found_value`]; Continue is "not found".
    fn lookup(&self, _tx: &Tx) -> Result<Verdict> {
        Ok(Verdict::Continue)
    }
    /// Something happened to a queued message: [`Tx::event_kind`].
    fn event(&self, _tx: &Tx) {}
}

/// Makes the module of a plugin: `mtad::export!(Limiter: rcpt, eom);`
///
/// A hook that is not named is not exported, and mtad never asks for it.
#[macro_export]
macro_rules! export {
    ($plugin:ty: $($hook:ident),+ $(,)?) => {
        static MTAD_PLUGIN: $crate::Cell<$plugin> = $crate::Cell::new();

        /// The marker of ABI 1.
        #[no_mangle]
        pub extern "C" fn mtad_abi_1() {}

        /// Prepares the plugin.
        #[no_mangle]
        pub extern "C" fn mtad_init() -> i32 {
            MTAD_PLUGIN.init()
        }

        $($crate::hook!($plugin, $hook);)+
    };
}

/// One exported hook; [`export!`] uses it.
#[doc(hidden)]
#[macro_export]
macro_rules! hook {
    ($p:ty, connect) => { $crate::hook!($p, connect, mtad_connect); };
    ($p:ty, helo) => { $crate::hook!($p, helo, mtad_helo); };
    ($p:ty, auth) => { $crate::hook!($p, auth, mtad_auth); };
    ($p:ty, mail) => { $crate::hook!($p, mail, mtad_mail); };
    ($p:ty, rcpt) => { $crate::hook!($p, rcpt, mtad_rcpt); };
    ($p:ty, data) => { $crate::hook!($p, data, mtad_data); };
    ($p:ty, headers) => { $crate::hook!($p, headers, mtad_headers); };
    ($p:ty, body) => { $crate::hook!($p, body, mtad_body); };
    ($p:ty, eom) => { $crate::hook!($p, eom, mtad_eom); };
    ($p:ty, abort) => { $crate::hook!($p, abort, mtad_abort); };
    ($p:ty, rewrite) => { $crate::hook!($p, rewrite, mtad_rewrite); };
    ($p:ty, route) => { $crate::hook!($p, route, mtad_route); };
    ($p:ty, deliver) => { $crate::hook!($p, deliver, mtad_deliver); };
    ($p:ty, lookup) => { $crate::hook!($p, lookup, mtad_lookup); };
    ($p:ty, event) => { $crate::hook!($p, event, mtad_event); };
    ($p:ty, $hook:ident, $name:ident) => {
        /// A hook.
        #[no_mangle]
        pub extern "C" fn $name() -> i32 {
            $crate::Answer::number(MTAD_PLUGIN.call(<$p as $crate::Plugin>::$hook))
        }
    };
}

/// What a hook returns, as the ABI's number.
#[doc(hidden)]
pub trait Answer {
    /// The verdict's number.
    fn number(self) -> i32;
}

impl Answer for () {
    fn number(self) -> i32 {
        Verdict::Continue as i32
    }
}

impl Answer for Result<Verdict> {
    fn number(self) -> i32 {
        match self {
            Ok(v) => v as i32,
            Err(e) => {
                host::log(Level::Warn as i32, e.text().as_bytes());
                Verdict::Tempfail as i32
            }
        }
    }
}

/// The one plugin of a module.
#[doc(hidden)]
pub struct Cell<P>(UnsafeCell<Option<P>>);

// SAFETY: a guest has one thread, and mtad runs one hook of an instance at a time.
unsafe impl<P> Sync for Cell<P> {}

impl<P: Plugin> Cell<P> {
    /// An empty cell.
    pub const fn new() -> Self {
        Cell(UnsafeCell::new(None))
    }

    /// Makes the plugin; what the module's `mtad_init` returns.
    pub fn init(&self) -> i32 {
        std::panic::set_hook(Box::new(|info| host::log(Level::Error as i32, info.to_string().as_bytes())));
        let mut plugin = P::default();
        match plugin.init(&Tx::of_the_host()) {
            Ok(()) => {
                // SAFETY: no hook runs, so that nobody refers to the value.
                unsafe { *self.0.get() = Some(plugin) };
                0
            }
            Err(why) => {
                let _ = host::reply(0, b"", why.as_bytes());
                1
            }
        }
    }

    /// Calls a hook.
    pub fn call<R>(&self, hook: fn(&P, &Tx) -> R) -> R {
        // SAFETY: hooks do not nest, and mtad_init is not called again.
        let plugin = unsafe { &*self.0.get() };
        hook(plugin.as_ref().expect("mtad_init was not called"), &Tx::of_the_host())
    }
}

impl<P: Plugin> Default for Cell<P> {
    fn default() -> Self {
        Cell::new()
    }
}
