//! The conformance plugin in Rust: CONFORMANCE.md says what it does.

use mtad::{host, Error, Plugin, Result, Tx, Verdict};

#[derive(Default)]
struct Conformance;

/// The arguments of a command: what is left of them.
struct Args<'a>(&'a [u8]);

impl<'a> Args<'a> {
    fn raw(&mut self) -> &'a [u8] {
        let n = self.0.iter().position(|&c| c == b' ').unwrap_or(self.0.len());
        let word = &self.0[..n];
        self.0 = &self.0[(n + 1).min(self.0.len())..];
        word
    }

    fn word(&mut self) -> Vec<u8> {
        unescaped(self.raw())
    }

    fn last(&self) -> Vec<u8> {
        unescaped(self.0)
    }

    fn number(&mut self) -> i64 {
        std::str::from_utf8(self.raw()).ok().and_then(|w| w.parse().ok()).unwrap_or(0)
    }

    fn int(&mut self) -> i32 {
        self.number() as i32
    }

    fn index(&mut self) -> usize {
        self.int() as usize
    }
}

fn unescaped(s: &[u8]) -> Vec<u8> {
    if s == b"-" {
        return Vec::new();
    }
    let mut out = Vec::new();
    let mut left = s.iter().copied().peekable();
    while let Some(c) = left.next() {
        let meant = match (c, left.peek()) {
            (b'\\', Some(b'n')) => b'\n',
            (b'\\', Some(b'r')) => b'\r',
            (b'\\', Some(b'0')) => 0,
            (b'\\', Some(b'\\')) => b'\\',
            _ => {
                out.push(c);
                continue;
            }
        };
        left.next();
        out.push(meant);
    }
    out
}

/// What a command says: bytes, or nothing.
type Said = Result<Option<Vec<u8>>>;

fn number(n: impl ToString) -> Said {
    Ok(Some(n.to_string().into_bytes()))
}

fn done(r: Result<()>) -> Said {
    r.map(|_| None)
}

fn bytes(read: impl Fn(&mut [u8]) -> Result<usize>) -> Said {
    some(4096, read)
}

fn some(max: i64, read: impl Fn(&mut [u8]) -> Result<usize>) -> Said {
    let mut buf = vec![0; max.clamp(0, 4096) as usize];
    let n = read(&mut buf)?;
    Ok(Some(buf[..n].to_vec()))
}

fn matched(tx: &Tx, at: Result<i64>) -> Said {
    number(format!("{} {} {}", at?, tx.property("scan.end"), tx.property("scan.match")))
}

fn random(n: usize) -> Said {
    let mut p = vec![0; n.min(64)];
    host::random(&mut p)?;
    number(if p.iter().any(|&b| b != p[0]) { "ok" } else { "all the same" })
}

fn base(name: &[u8], a: &mut Args) -> Option<Said> {
    Some(match name {
        b"get" => bytes(|b| host::get(&a.last(), b)),
        b"set" => done(host::set(&a.word(), &a.last())),
        b"hdr_count" => number(host::hdr_count()),
        b"hdr_get" => {
            let (i, what) = (a.index(), a.int());
            bytes(|b| host::hdr_get(i, what, b))
        }
        b"hdr_find" => {
            let from = a.index();
            number(host::hdr_find(&a.last(), from).map_or(-1, |i| i as i64))
        }
        b"rcpt_count" => number(host::rcpt_count()),
        b"rcpt_get" => {
            let (i, what) = (a.index(), a.int());
            bytes(|b| host::rcpt_get(i, what, b))
        }
        b"body_size" => number(host::body_size().map_or(-1, |n| n as i64)),
        b"body_read" => {
            let off = a.number() as u64;
            some(a.number(), |b| host::body_read(off, b))
        }
        b"msg_read" => {
            let off = a.number() as u64;
            some(a.number(), |b| host::msg_read(off, b))
        }
        b"reply" => done(host::reply(a.int(), &a.word(), &a.last())),
        b"config" => bytes(|b| host::config(&a.last(), b)),
        b"now" => number(host::now(a.int())),
        b"random" => random(a.index()),
        b"stash_get" => {
            let scope = a.int();
            bytes(|b| host::stash_get(scope, &a.last(), b))
        }
        b"stash_set" => done(host::stash_set(a.int(), &a.word(), &a.last())),
        b"counter" => done(host::counter(&a.word(), a.number())),
        b"feature" => number(host::feature(&a.last()) as i32),
        b"trap" => panic!("trap"),
        _ => return None,
    })
}

fn edit(name: &[u8], a: &mut Args) -> Option<Said> {
    Some(match name {
        b"hdr_add" => {
            let pos = a.int();
            done(host::hdr_add(&a.word(), &a.last(), pos))
        }
        b"hdr_set" => done(host::hdr_set(a.index(), &a.last())),
        b"hdr_del" => done(host::hdr_del(a.index())),
        b"body_begin" => done(host::body_begin()),
        b"body_write" => done(host::body_write(&a.last())),
        b"body_end" => done(host::body_end()),
        b"env_from" => done(host::env_from(&a.last())),
        b"rcpt_add" => {
            let flags = a.int();
            done(host::rcpt_add(&a.last(), flags))
        }
        b"rcpt_del" => done(host::rcpt_del(a.index())),
        _ => return None,
    })
}

fn service(tx: &Tx, name: &[u8], a: &mut Args) -> Option<Said> {
    Some(match name {
        b"map_get" => {
            let map = a.word();
            bytes(|b| host::map_get(&map, &a.last(), b))
        }
        b"kv_get" => bytes(|b| host::kv_get(&a.last(), b)),
        b"kv_set" => {
            let ttl = a.int();
            done(host::kv_set(&a.word(), &a.last(), ttl))
        }
        b"kv_incr" => {
            let (ttl, delta) = (a.int(), a.number());
            host::kv_incr(&a.last(), delta, ttl).and_then(number)
        }
        b"kv_del" => done(host::kv_del(&a.last())),
        b"dns" => {
            let kind = a.int();
            bytes(|b| host::dns(kind, &a.last(), b))
        }
        b"words" => {
            let (text, from) = (a.int(), a.number());
            matched(tx, host::words(&a.last(), text, from))
        }
        b"regexp" => {
            let (text, from) = (a.int(), a.number());
            matched(tx, host::regexp(&a.last(), text, from))
        }
        b"hash" => {
            let (alg, text) = (a.int(), a.int());
            bytes(|b| host::hash(alg, text, b))
        }
        b"mime_part" => {
            let (i, what) = (a.index(), a.int());
            bytes(|b| host::mime_part(i, what, 0, b))
        }
        b"mime_read" => {
            let (i, off) = (a.index(), a.number() as u64);
            some(a.number(), |b| host::mime_part(i, 0, off, b))
        }
        b"rcpt_status" => done(host::rcpt_status(a.index(), a.int(), &a.word(), &a.last())),
        _ => return None,
    })
}

/// The number that the ABI has for an error.
fn errno(e: Error) -> i32 {
    match e {
        Error::NotFound => -1,
        Error::Denied => -2,
        Error::Invalid => -3,
        Error::Limit => -4,
        Error::Stage => -5,
        Error::Again => -6,
        Error::Unsupported => -7,
        _ => -8,
    }
}

fn holds(a: &mut Args) -> bool {
    let mut buf = [0; 4096];
    a.0.is_empty() || matches!(host::get(&a.word(), &mut buf), Ok(n) if buf[..n] == a.last()[..])
}

/// Runs a program of the configuration and returns the verdict's number.
fn run(tx: &Tx, hook: &str) -> i64 {
    let program = tx.config(hook).unwrap_or_default();
    let (mut verdict, mut on) = (0, true);
    for line in program.split('\n').filter(|l| !l.is_empty()) {
        let mut a = Args(line.as_bytes());
        match a.raw() {
            b"when" => on = holds(&mut a),
            _ if !on => {}
            b"return" => verdict = a.number(),
            b"log" => host::log(a.int(), &a.last()),
            name => {
                let said = base(name, &mut a).or_else(|| edit(name, &mut a)).or_else(|| service(tx, name, &mut a));
                let said = match said.unwrap_or_else(|| number("unknown")) {
                    Ok(None) => continue,
                    Ok(Some(text)) => text,
                    Err(e) => errno(e).to_string().into_bytes(),
                };
                host::log(1, &[line.as_bytes(), b": ", &said].concat());
            }
        }
    }
    verdict
}

/// The verdict with this number. The crate has no others: a plugin in Rust can fail, but not by these.
fn verdict(tx: &Tx, hook: &str) -> Result<Verdict> {
    Ok(match run(tx, hook) {
        0 => Verdict::Continue,
        1 => Verdict::Accept,
        2 => Verdict::Tempfail,
        3 => Verdict::Reject,
        4 => Verdict::Discard,
        5 => Verdict::Hold,
        6 => Verdict::Quarantine,
        7 => Verdict::Redirect,
        8 => Verdict::Filter,
        9 => Verdict::Found,
        n => panic!("no verdict is {n}"),
    })
}

impl Plugin for Conformance {
    fn init(&mut self, tx: &Tx) -> std::result::Result<(), String> {
        let mut refusal = String::new();
        let program = tx.config("init").unwrap_or_default();
        for line in program.lines().filter(|l| l.starts_with("reply ")) {
            refusal = line.splitn(4, ' ').nth(3).unwrap_or("").to_string();
        }
        match run(tx, "init") {
            0 => Ok(()),
            _ => Err(refusal),
        }
    }

    fn connect(&self, tx: &Tx) -> Result<Verdict> {
        verdict(tx, "connect")
    }
    fn helo(&self, tx: &Tx) -> Result<Verdict> {
        verdict(tx, "helo")
    }
    fn auth(&self, tx: &Tx) -> Result<Verdict> {
        verdict(tx, "auth")
    }
    fn mail(&self, tx: &Tx) -> Result<Verdict> {
        verdict(tx, "mail")
    }
    fn rcpt(&self, tx: &Tx) -> Result<Verdict> {
        verdict(tx, "rcpt")
    }
    fn data(&self, tx: &Tx) -> Result<Verdict> {
        verdict(tx, "data")
    }
    fn headers(&self, tx: &Tx) -> Result<Verdict> {
        verdict(tx, "headers")
    }
    fn body(&self, tx: &Tx) -> Result<Verdict> {
        verdict(tx, "body")
    }
    fn eom(&self, tx: &Tx) -> Result<Verdict> {
        verdict(tx, "eom")
    }
    fn abort(&self, tx: &Tx) {
        run(tx, "abort");
    }
    fn rewrite(&self, tx: &Tx) -> Result<Verdict> {
        verdict(tx, "rewrite")
    }
    fn route(&self, tx: &Tx) -> Result<Verdict> {
        verdict(tx, "route")
    }
    fn deliver(&self, tx: &Tx) -> Result<Verdict> {
        verdict(tx, "deliver")
    }
    fn lookup(&self, tx: &Tx) -> Result<Verdict> {
        verdict(tx, "lookup")
    }
    fn event(&self, tx: &Tx) {
        run(tx, "event");
    }
}

mtad::export!(Conformance: connect, helo, auth, mail, rcpt, data, headers, body, eom, abort, rewrite, route, deliver, lookup, event);
