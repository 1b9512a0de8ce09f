//! The tour in Rust: what the crate's Tx has beyond the calls of the ABI.

use mtad::{Dns, Error, Hash, Level, Plugin, Result, Scope, Text, Tx, Verdict};
use std::io::Read;

#[derive(Default)]
struct Tour;

impl Plugin for Tour {
    fn connect(&self, tx: &Tx) -> Result<Verdict> {
        match tx.client_addr().as_str() {
            "192.0.2.1" => tx.hold("from a list"),
            "192.0.2.2" => tx.redirect("abuse@example.com"),
            "192.0.2.3" => tx.reject("5.7.0", "go away"),
            "192.0.2.4" => tx.tempfail("4.7.0", "later"),
            _ => Ok(Verdict::Continue),
        }
    }

    fn mail(&self, tx: &Tx) -> Result<Verdict> {
        if tx.property("helo").is_empty() {
            return Ok(Verdict::Continue);
        }
        let say = |line: String| tx.log(Level::Info, &line);
        say([tx.client_addr(), tx.client_name(), tx.helo(), tx.sender(), tx.origin_kind()].join(" "));
        let table = |key| match tx.map("access", key) {
            Ok(Some(v)) => v,
            Ok(None) => "none".into(),
            Err(Error::Again) => "later".into(),
            Err(e) => e.text().into(),
        };
        say(format!("{} {} {}", table("a@example.net"), table("b@example.net"), table("sick")));
        let records = tx.dns(Dns::A, "mail.example.net")?;
        say(format!("{} {}", records.join(","), tx.dns(Dns::Aaaa, "mail.example.net")?.len()));
        tx.save("word", b"first", 60)?;
        let word = tx.load("word")?.unwrap_or_default();
        tx.forget("word")?;
        let gone = tx.load("word")?.map_or("gone", |_| "still there");
        tx.increase("count", 1, 60)?;
        say(format!("{} {} {}", String::from_utf8_lossy(&word), tx.increase("count", 2, 60)?, gone));
        tx.stash(Scope::Message, "k", b"then")?;
        Ok(Verdict::Continue)
    }

    fn rcpt(&self, tx: &Tx) -> Result<Verdict> {
        if let Some(kept) = tx.stashed(Scope::Message, "k")? {
            tx.log(Level::Info, &format!("{} {}", tx.rcpt(), String::from_utf8_lossy(&kept)));
        }
        if tx.rcpt() == "c@example.com" {
            tx.map("access", "sick")?; // an error that is not handled
        }
        Ok(Verdict::Continue)
    }

    fn body(&self, tx: &Tx) -> Result<Verdict> {
        let mut chunk = Vec::new();
        tx.chunk().read_to_end(&mut chunk).map_err(|_| Error::Io)?;
        tx.log(Level::Info, &format!("{} {}", chunk.len(), tx.property("body.length")));
        Ok(Verdict::Continue)
    }

    fn headers(&self, tx: &Tx) -> Result<Verdict> {
        match tx.header("Subject").as_str() {
            "virus" => tx.quarantine("virus"),
            "slow" => tx.filter("relay:[192.0.2.7]"),
            _ => Ok(Verdict::Continue),
        }
    }

    fn eom(&self, tx: &Tx) -> Result<Verdict> {
        if tx.header("X-Gone").is_empty() {
            tx.set_header("Subject", &format!("[x] {}", tx.header("Subject")))?;
            tx.set_header("X-New", "1")?;
            let long = tx.header("X-Long").len();
            let numbers = [tx.config_int("n", 7), tx.config_int("bad", 7), tx.config_int("minus", 7)];
            tx.log(Level::Info, &format!("{} {} {} {}", long, numbers[0], numbers[1], numbers[2]));
            return Ok(Verdict::Continue);
        }
        let say = |line: String| tx.log(Level::Info, &line);
        say(format!("{} {}", tx.headers("Received").join(","), tx.hash(Hash::Md5, Text::Part(1))?));
        let parts = tx.parts()?;
        say(parts.iter().map(|p| format!("{},{},{}", p.kind, p.name, p.disposition)).collect::<Vec<_>>().join(" "));
        let found = |r: Option<String>| r.unwrap_or_else(|| "none".into());
        let word = found(tx.words("words", Text::Message)?);
        say(format!("{} {} {}", word, found(tx.regexp("w.n", Text::Decoded)?), found(tx.regexp("lost", Text::Body)?)));
        tx.prepend_header("X-Top", "1")?;
        tx.del_header("X-Gone")?;
        tx.set_sender("new@example.net")?;
        tx.del_rcpt("b@example.com")?;
        tx.add_rcpt("d@example.com")?;
        let mut whole = String::new();
        tx.message().read_to_string(&mut whole).map_err(|_| Error::Io)?;
        let text = [parts[1].content()?, b"\nagain\n".to_vec()].concat();
        tx.replace_body(if whole.contains("You won.") { &text[..] } else { b"" })?;
        Ok(Verdict::Continue)
    }

    fn rewrite(&self, tx: &Tx) -> Result<Verdict> {
        tx.found_addr("x@example.com")
    }

    fn route(&self, tx: &Tx) -> Result<Verdict> {
        match tx.rcpt().as_str() {
            "a@b" => tx.found_route("lmtp", "unix:/run/x"),
            "c@d" => tx.found_route("", "[192.0.2.9]"),
            _ => tx.found_route("relay", ""),
        }
    }

    fn lookup(&self, tx: &Tx) -> Result<Verdict> {
        tx.found_value(&(tx.lookup_key() + ".example"))
    }

    fn deliver(&self, tx: &Tx) -> Result<Verdict> {
        for (i, rcpt) in tx.recipients().iter().enumerate() {
            match rcpt.as_str() {
                "d@example.com" => tx.sent(i, "stored")?,
                "e@example.com" => tx.deferred(i, "4.2.2", "full")?,
                _ => tx.bounced(i, "5.1.1", "no such box")?,
            }
        }
        Ok(Verdict::Continue)
    }

    fn event(&self, tx: &Tx) {
        let _ = tx.count("events", 1);
        tx.log(Level::Info, &tx.event_kind());
    }
}

mtad::export!(Tour: connect, mail, rcpt, body, headers, eom, rewrite, route, lookup, deliver, event);
