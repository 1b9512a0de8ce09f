//! The transaction in comfortable words.

use std::io;

use crate::{host, Dns, Error, Hash, Level, Result, Scope, Text, Verdict};

/// What a hook sees of the transaction and may propose. Valid until the hook returns.
///
/// Methods that return `String` replace what is no UTF-8 by U+FFFD; the functions of [`host`] give
/// the bytes.
pub struct Tx(());

/// Calls read with a buffer, and again with a larger one if the value did not fit.
fn whole(read: impl Fn(&mut [u8]) -> Result<usize>) -> Result<Vec<u8>> {
    let mut buf = vec![0; 256];
    loop {
        let n = read(&mut buf)?;
        let fits = n <= buf.len();
        buf.resize(n, 0);
        if fits {
            return Ok(buf);
        }
    }
}

/// An absent value is `None`; every other failure stays one.
fn optional<T>(r: Result<T>) -> Result<Option<T>> {
    match r {
        Ok(v) => Ok(Some(v)),
        Err(Error::NotFound) => Ok(None),
        Err(e) => Err(e),
    }
}

/// The value in UTF-8, "" when there is none.
fn text(r: Result<Vec<u8>>) -> String {
    r.map(string).unwrap_or_default()
}

fn string(bytes: Vec<u8>) -> String {
    match String::from_utf8(bytes) {
        Ok(s) => s,
        Err(e) => String::from_utf8_lossy(e.as_bytes()).into_owned(),
    }
}

impl Tx {
    pub(crate) fn of_the_host() -> Tx {
        Tx(())
    }

    // What there is.

    /// A property by its name in docs/abi.md, "" when it has no value at this point.
    pub fn property(&self, key: &str) -> String {
        text(whole(|b| host::get(key.as_bytes(), b)))
    }

    /// Whether a property has a value that is not empty.
    pub fn has(&self, key: &str) -> bool {
        matches!(host::get(key.as_bytes(), &mut []), Ok(n) if n > 0)
    }

    /// The queue id, "" before there is one.
    pub fn queue_id(&self) -> String {
        self.property("queue.id")
    }

    /// The IP address of the client, "" for mail that came otherwise.
    pub fn client_addr(&self) -> String {
        self.property("client.addr")
    }

    /// The verified host name of the client, or "unknown".
    pub fn client_name(&self) -> String {
        self.property("client.name")
    }

    /// What the client said in HELO or EHLO.
    pub fn helo(&self) -> String {
        self.property("helo")
    }

    /// The authenticated user, "" when there is none.
    pub fn auth_user(&self) -> String {
        self.property("auth.user")
    }

    /// The envelope sender, "" for notices.
    pub fn sender(&self) -> String {
        self.property("mail.from")
    }

    /// The recipient that the hook is about.
    pub fn rcpt(&self) -> String {
        self.property("rcpt.addr")
    }

    /// The envelope's recipients as they are now.
    pub fn recipients(&self) -> Vec<String> {
        (0..host::rcpt_count()).map(|i| text(whole(|b| host::rcpt_get(i, 0, b)))).collect()
    }

    /// How the message came: "smtp", "sendmail", "bounce" or "forward".
    pub fn origin_kind(&self) -> String {
        self.property("origin.kind")
    }

    /// A value of `[plugin.config]`.
    pub fn config(&self, key: &str) -> Option<String> {
        whole(|b| host::config(key.as_bytes(), b)).ok().map(string)
    }

    /// A number of `[plugin.config]`; `default` also stands for one that is malformed.
    pub fn config_int(&self, key: &str, default: i64) -> i64 {
        self.config(key).and_then(|v| v.parse().ok()).unwrap_or(default)
    }

    /// The unfolded value of the first header field with this name, "" when there is none.
    pub fn header(&self, name: &str) -> String {
        match host::hdr_find(name.as_bytes(), 0) {
            Some(i) => text(whole(|b| host::hdr_get(i, 1, b))),
            None => String::new(),
        }
    }

    /// The unfolded values of all header fields with this name.
    pub fn headers(&self, name: &str) -> Vec<String> {
        let mut list = Vec::new();
        let mut from = 0;
        while let Some(i) = host::hdr_find(name.as_bytes(), from) {
            list.push(text(whole(|b| host::hdr_get(i, 1, b))));
            from = i + 1;
        }
        list
    }

    /// Reads the body from its begin.
    pub fn body(&self) -> Message {
        Message { read: host::body_read, off: 0, end: u64::MAX }
    }

    /// Reads the message, header included, from its begin.
    pub fn message(&self) -> Message {
        Message { read: host::msg_read, off: 0, end: u64::MAX }
    }

    /// Reads the chunk that a `body` hook is about.
    pub fn chunk(&self) -> Message {
        let off = self.property("body.offset").parse().unwrap_or(0);
        let len: u64 = self.property("body.length").parse().unwrap_or(0);
        Message { read: host::body_read, off, end: off + len }
    }

    /// What a `rewrite` hook is about: "envelope_sender", "envelope_recipient", "header_sender", "header_recipient".
    pub fn rewrite_class(&self) -> String {
        self.property("rewrite.class")
    }

    /// The address that a `rewrite` hook is about.
    pub fn rewrite_addr(&self) -> String {
        self.property("rewrite.addr")
    }

    /// The transport and nexthop that a `route` hook's recipient has so far.
    pub fn route(&self) -> (String, String) {
        (self.property("route.transport"), self.property("route.nexthop"))
    }

    /// The key that a `lookup` hook is asked for.
    pub fn lookup_key(&self) -> String {
        self.property("lookup.key")
    }

    /// What an `event` hook is told: "queued", "sent", "deferred", "bounced", "expired", "held", "released", "removed".
    pub fn event_kind(&self) -> String {
        self.property("event.kind")
    }

    // Answers. Each says the words and returns the verdict that goes with them.

    /// Refuses for good: 550 with an enhanced code of class 5. The text goes to the sender.
    pub fn reject(&self, enhanced: &str, text: &str) -> Result<Verdict> {
        host::reply(550, enhanced.as_bytes(), text.as_bytes())?;
        Ok(Verdict::Reject)
    }

    /// Refuses for now: 451 with an enhanced code of class 4.
    pub fn tempfail(&self, enhanced: &str, text: &str) -> Result<Verdict> {
        host::reply(451, enhanced.as_bytes(), text.as_bytes())?;
        Ok(Verdict::Tempfail)
    }

    fn with_arg(&self, v: Verdict, arg: &str) -> Result<Verdict> {
        host::set(b"action.arg", arg.as_bytes())?;
        Ok(v)
    }

    /// Queues the message on hold; `reason` is shown to the admin.
    pub fn hold(&self, reason: &str) -> Result<Verdict> {
        self.with_arg(Verdict::Hold, reason)
    }

    /// Queues the message on hold under a name.
    pub fn quarantine(&self, name: &str) -> Result<Verdict> {
        self.with_arg(Verdict::Quarantine, name)
    }

    /// Replaces all recipients by an address.
    pub fn redirect(&self, address: &str) -> Result<Verdict> {
        self.with_arg(Verdict::Redirect, address)
    }

    /// Sends the message through `transport:nexthop`.
    pub fn filter(&self, route: &str) -> Result<Verdict> {
        self.with_arg(Verdict::Filter, route)
    }

    /// Answers a `rewrite` hook: the address as it is to be.
    pub fn found_addr(&self, address: &str) -> Result<Verdict> {
        host::set(b"rewrite.result", address.as_bytes())?;
        Ok(Verdict::Found)
    }

    /// Answers a `route` hook; an empty half stays as it was.
    pub fn found_route(&self, transport: &str, nexthop: &str) -> Result<Verdict> {
        if !transport.is_empty() {
            host::set(b"route.transport", transport.as_bytes())?;
        }
        if !nexthop.is_empty() {
            host::set(b"route.nexthop", nexthop.as_bytes())?;
        }
        Ok(Verdict::Found)
    }

    /// Answers a `lookup` hook: the value of the key.
    pub fn found_value(&self, value: &str) -> Result<Verdict> {
        host::set(b"lookup.value", value.as_bytes())?;
        Ok(Verdict::Found)
    }

    // Edits: capability "edit". They are applied when the hook returns.

    /// Appends a header field.
    pub fn add_header(&self, name: &str, value: &str) -> Result<()> {
        host::hdr_add(name.as_bytes(), value.as_bytes(), -1)
    }

    /// Inserts a header field at the top.
    pub fn prepend_header(&self, name: &str, value: &str) -> Result<()> {
        host::hdr_add(name.as_bytes(), value.as_bytes(), 0)
    }

    /// Gives the first field with this name another value, or appends one.
    pub fn set_header(&self, name: &str, value: &str) -> Result<()> {
        match host::hdr_find(name.as_bytes(), 0) {
            Some(i) => host::hdr_set(i, value.as_bytes()),
            None => self.add_header(name, value),
        }
    }

    /// Removes every field with this name.
    pub fn del_header(&self, name: &str) -> Result<()> {
        let mut from = 0;
        while let Some(i) = host::hdr_find(name.as_bytes(), from) {
            host::hdr_del(i)?;
            from = i;
        }
        Ok(())
    }

    /// Makes what `text` reads the body; lines may end in LF or CRLF. An error of `text` is [`Error::Io`].
    pub fn replace_body(&self, mut text: impl io::Read) -> Result<()> {
        host::body_begin()?;
        let mut buf = vec![0; 16 << 10];
        loop {
            match text.read(&mut buf) {
                Ok(0) => return host::body_end(),
                Ok(n) => host::body_write(&buf[..n])?,
                Err(_) => return Err(Error::Io),
            }
        }
    }

    /// Changes the envelope sender.
    pub fn set_sender(&self, address: &str) -> Result<()> {
        host::env_from(address.as_bytes())
    }

    /// Adds a recipient.
    pub fn add_rcpt(&self, address: &str) -> Result<()> {
        host::rcpt_add(address.as_bytes(), 0)
    }

    /// Removes every recipient with this address.
    pub fn del_rcpt(&self, address: &str) -> Result<()> {
        for i in (0..host::rcpt_count()).rev() {
            if whole(|b| host::rcpt_get(i, 0, b))? == address.as_bytes() {
                host::rcpt_del(i)?;
            }
        }
        Ok(())
    }

    // Services.

    /// Writes a line to the mail log.
    pub fn log(&self, level: Level, line: &str) {
        host::log(level as i32, line.as_bytes());
    }

    /// Adds to a counter of the plugin in the metrics.
    pub fn count(&self, name: &str, delta: i64) -> Result<()> {
        host::counter(name.as_bytes(), delta)
    }

    /// Nanoseconds since 1970.
    pub fn now(&self) -> i64 {
        host::now(0)
    }

    /// Whether the host has a feature.
    pub fn feature(&self, name: &str) -> bool {
        host::feature(name.as_bytes())
    }

    /// Keeps a value until the scope ends.
    pub fn stash(&self, scope: Scope, key: &str, value: &[u8]) -> Result<()> {
        host::stash_set(scope as i32, key.as_bytes(), value)
    }

    /// What [`stash`](Tx::stash) kept.
    pub fn stashed(&self, scope: Scope, key: &str) -> Result<Option<Vec<u8>>> {
        optional(whole(|b| host::stash_get(scope as i32, key.as_bytes(), b)))
    }

    /// A key's value in a table of the configuration; capability "map". An error is "try later", never "no".
    pub fn map(&self, table: &str, key: &str) -> Result<Option<String>> {
        Ok(optional(whole(|b| host::map_get(table.as_bytes(), key.as_bytes(), b)))?.map(string))
    }

    /// A value of the store; capability "kv".
    pub fn load(&self, key: &str) -> Result<Option<Vec<u8>>> {
        optional(whole(|b| host::kv_get(key.as_bytes(), b)))
    }

    /// Stores a value for `ttl` seconds, 0 for ever.
    pub fn save(&self, key: &str, value: &[u8], ttl: i32) -> Result<()> {
        host::kv_set(key.as_bytes(), value, ttl)
    }

    /// Adds to a count of the store, which lives `ttl` seconds from its first increase on, and returns it.
    pub fn increase(&self, key: &str, delta: i64, ttl: i32) -> Result<i64> {
        host::kv_incr(key.as_bytes(), delta, ttl)
    }

    /// Removes a value of the store.
    pub fn forget(&self, key: &str) -> Result<()> {
        host::kv_del(key.as_bytes())
    }

    /// Records in presentation form; none is no error. Capability "dns".
    pub fn dns(&self, kind: Dns, name: &str) -> Result<Vec<String>> {
        let answer = optional(whole(|b| host::dns(kind as i32, name.as_bytes(), b)))?;
        Ok(answer.map(|a| string(a).lines().map(str::to_owned).collect()).unwrap_or_default())
    }

    /// The first word of a set that stands in the text; capability "scan".
    pub fn words(&self, set: &str, what: Text) -> Result<Option<String>> {
        let at = optional(host::words(set.as_bytes(), what.number(), 0))?;
        Ok(at.map(|_| self.property("scan.match")))
    }

    /// The first match of a pattern (RE2 syntax) in the text.
    pub fn regexp(&self, pattern: &str, what: Text) -> Result<Option<String>> {
        let at = optional(host::regexp(pattern.as_bytes(), what.number(), 0))?;
        Ok(at.map(|_| self.property("scan.match")))
    }

    /// The hash of a text in hexadecimal digits.
    pub fn hash(&self, alg: Hash, what: Text) -> Result<String> {
        Ok(string(whole(|b| host::hash(alg as i32, what.number(), b))?))
    }

    /// The leaves of the message's MIME structure.
    pub fn parts(&self) -> Result<Vec<Part>> {
        let mut list = Vec::new();
        for index in 0.. {
            let about = |what| whole(|b| host::mime_part(index, what, 0, b));
            let kind = match optional(about(1))? {
                Some(kind) => string(kind),
                None => break,
            };
            list.push(Part { index, kind, name: text(about(2)), charset: text(about(3)), disposition: text(about(4)) });
        }
        Ok(list)
    }

    /// Says in a `deliver` hook that recipient `i` has the message.
    pub fn sent(&self, i: usize, line: &str) -> Result<()> {
        host::rcpt_status(i, 250, b"2.0.0", line.as_bytes())
    }

    /// Says that recipient `i` is to be tried again later.
    pub fn deferred(&self, i: usize, enhanced: &str, line: &str) -> Result<()> {
        host::rcpt_status(i, 451, enhanced.as_bytes(), line.as_bytes())
    }

    /// Says that recipient `i` cannot be delivered to.
    pub fn bounced(&self, i: usize, enhanced: &str, line: &str) -> Result<()> {
        host::rcpt_status(i, 550, enhanced.as_bytes(), line.as_bytes())
    }
}

/// A MIME part that is no multipart.
pub struct Part {
    /// Its number: `Text::Part(index)` names its text.
    pub index: usize,
    /// Its type in lower case, "text/plain".
    pub kind: String,
    /// Its file name, decoded; "" when it has none.
    pub name: String,
    /// Its charset in lower case; "" when it says none.
    pub charset: String,
    /// "attachment", "inline"; "" when it says none.
    pub disposition: String,
}

impl Part {
    /// Its decoded content.
    pub fn content(&self) -> Result<Vec<u8>> {
        let size = whole(|b| host::mime_part(self.index, 5, 0, b))?;
        let size: usize = string(size).parse().map_err(|_| Error::Io)?;
        let mut all = vec![0; size];
        let mut n = 0;
        while n < size {
            match host::mime_part(self.index, 0, n as u64, &mut all[n..])? {
                0 => break,
                got => n += got,
            }
        }
        all.truncate(n);
        Ok(all)
    }
}

/// Reads a text of the message.
pub struct Message {
    read: fn(u64, &mut [u8]) -> Result<usize>,
    off: u64,
    end: u64,
}

impl io::Read for Message {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let room = self.end.saturating_sub(self.off).min(buf.len() as u64) as usize;
        if room == 0 {
            return Ok(0);
        }
        let n = (self.read)(self.off, &mut buf[..room]).map_err(|e| io::Error::new(io::ErrorKind::Other, e))?;
        self.off += n as u64;
        Ok(n)
    }
}
