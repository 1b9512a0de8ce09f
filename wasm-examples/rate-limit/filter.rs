//! rate-limit: so many recipients an hour for each sender. The count is kept in the plugin's store,
//! so that it survives restarts and is the same for all connections.

use mtad::{Error, Level, Plugin, Result, Tx, Verdict};

#[derive(Default)]
struct RateLimit {
    most: i64,
    period: i32,
    /// What senders are told apart by: "sender", "user" or "client".
    by: String,
    /// A table with exceptions, in [plugin.config.maps]: sender → number, or "unlimited".
    exceptions: bool,
}

impl Plugin for RateLimit {
    fn init(&mut self, tx: &Tx) -> std::result::Result<(), String> {
        self.most = number(tx, "most", 100)?;
        self.period = number(tx, "period", 3600)? as i32;
        self.by = tx.config("by").unwrap_or_else(|| "sender".into());
        if !["sender", "user", "client"].contains(&self.by.as_str()) {
            return Err(format!("by = {:?}: want sender, user or client", self.by));
        }
        self.exceptions = tx.config("maps.exceptions").is_some();
        Ok(())
    }

    /// Each recipient counts, also one that is refused afterwards: who guesses addresses is slowed down.
    fn rcpt(&self, tx: &Tx) -> Result<Verdict> {
        let who = match self.who(tx) {
            Some(who) => who,
            None => return Ok(Verdict::Continue),
        };
        let most = match self.most_for(tx, &who)? {
            Some(most) => most,
            None => return Ok(Verdict::Continue),
        };
        let n = match tx.increase(&key(&who), 1, self.period) {
            Ok(n) => n,
            // The store is full: mail is not stopped by what our own bookkeeping lacks.
            Err(Error::Limit) => {
                tx.log(Level::Warn, "the store is full: recipients are not counted");
                return Ok(Verdict::Continue);
            }
            Err(e) => return Err(e),
        };
        if n <= most {
            return Ok(Verdict::Continue);
        }
        tx.count("refused", 1)?;
        if n == most + 1 {
            tx.log(Level::Info, &format!("{who} has more than {most} recipients in {}", duration(self.period)));
        }
        tx.tempfail("4.7.1", &format!("too many recipients: at most {most} in {}, try again later", duration(self.period)))
    }
}

impl RateLimit {
    /// Who is counted; None for notices, and for what does not have the property.
    fn who(&self, tx: &Tx) -> Option<String> {
        let who = match self.by.as_str() {
            "user" => tx.property("auth.user"),
            "client" => network(&tx.property("client.addr")),
            _ => tx.property("mail.from").to_lowercase(),
        };
        (!who.is_empty()).then_some(who)
    }

    /// How many this one may have; None for no limit. A table that cannot be asked is an error, not "no".
    fn most_for(&self, tx: &Tx, who: &str) -> Result<Option<i64>> {
        if !self.exceptions {
            return Ok(Some(self.most));
        }
        let mut found = tx.map("exceptions", who)?;
        if found.is_none() {
            if let Some(at) = who.rfind('@') {
                found = tx.map("exceptions", &who[at..])?;
            }
        }
        match found.as_deref().map(str::trim) {
            None => Ok(Some(self.most)),
            Some("unlimited") => Ok(None),
            Some(text) => match text.parse() {
                Ok(n) if n >= 0 => Ok(Some(n)),
                _ => {
                    tx.log(Level::Warn, &format!("exceptions: {who} has {text:?}, which is no number"));
                    Ok(Some(self.most))
                }
            },
        }
    }
}

fn number(tx: &Tx, name: &str, default: i64) -> std::result::Result<i64, String> {
    let text = match tx.config(name) {
        Some(text) => text,
        None => return Ok(default),
    };
    match text.parse() {
        Ok(n) if (1..=31_536_000).contains(&n) => Ok(n),
        _ => Err(format!("{name} = {text:?}: want a number from 1 to 31536000")),
    }
}

/// One customer has one IPv4 address, or one IPv6 network of 64 bits.
fn network(addr: &str) -> String {
    match addr.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V6(a)) => {
            let s = a.segments();
            format!("{:x}:{:x}:{:x}:{:x}::/64", s[0], s[1], s[2], s[3])
        }
        _ => addr.to_owned(),
    }
}

/// A key of the store has at most 256 bytes; an address that is longer is cut, which at worst counts
/// two of them together.
fn key(who: &str) -> String {
    let mut end = who.len().min(240);
    while !who.is_char_boundary(end) {
        end -= 1;
    }
    format!("n {}", &who[..end])
}

fn duration(seconds: i32) -> String {
    match seconds {
        s if s % 86400 == 0 => plural(s / 86400, "day"),
        s if s % 3600 == 0 => plural(s / 3600, "hour"),
        s if s % 60 == 0 => plural(s / 60, "minute"),
        s => plural(s, "second"),
    }
}

fn plural(n: i32, unit: &str) -> String {
    match n {
        1 => format!("1 {unit}"),
        n => format!("{n} {unit}s"),
    }
}

mtad::export!(RateLimit: rcpt);
