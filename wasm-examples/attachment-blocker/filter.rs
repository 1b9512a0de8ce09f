//! attachment-blocker: refuses messages with attachments that are not taken: by the extension of their
//! names, by their first bytes, and by the names in ZIP archives.

use mtad::{host, Error, Level, Part, Plugin, Result, Text, Tx, Verdict};

#[derive(Default)]
struct Blocker {
    extensions: Vec<String>,
    magic: bool,
    archives: Vec<String>,
    macros: bool,
    encrypted: bool,
    action: String,
}

const EXTENSIONS: &str = "ade adp app bat chm cmd com cpl dll exe hta ins isp jar jnlp js jse lib lnk mde msc msi msp mst \
    pif ps1 reg scr sct sys vb vbe vbs vxd wsc wsf wsh";
const ARCHIVES: &str = "zip rar 7z ace arj cab iso img tar gz tgz bz2 xz lzh z";

/// How many parts the host tells apart, and how much is read at a time.
const MAX_PARTS: usize = 1000;
const PIECE: usize = 64 << 10;
/// The longest name in an archive that is believed, and the headers before it.
const LONGEST: usize = 1024;
const LOCAL: usize = 30;
const CENTRAL: usize = 46;

impl Plugin for Blocker {
    fn init(&mut self, tx: &Tx) -> std::result::Result<(), String> {
        self.extensions = words(&tx.config("extensions").unwrap_or_else(|| EXTENSIONS.into()));
        self.archives = match tx.config("nested").as_deref() {
            None | Some("block") => words(ARCHIVES),
            Some("allow") => Vec::new(),
            Some(other) => return Err(format!("nested = {:?}: want block or allow", other)),
        };
        self.magic = flag(tx, "magic", "block")?;
        self.macros = flag(tx, "macros", "allow")?;
        self.encrypted = flag(tx, "encrypted", "allow")?;
        self.action = tx.config("action").unwrap_or_else(|| "reject".into());
        match self.action.as_str() {
            "reject" | "hold" | "quarantine" | "discard" => Ok(()),
            other => Err(format!("action = {:?}: want reject, hold, quarantine or discard", other)),
        }
    }

    fn eom(&self, tx: &Tx) -> Result<Verdict> {
        let parts = tx.parts()?;
        for part in &parts {
            if let Some(why) = self.part(part)? {
                return self.refuse(tx, &why);
            }
        }
        if let Some(why) = self.uuencoded(tx)? {
            return self.refuse(tx, &why);
        }
        if parts.len() >= MAX_PARTS {
            return self.refuse(tx, "more parts than can be looked at");
        }
        Ok(Verdict::Continue)
    }
}

fn flag(tx: &Tx, name: &str, default: &str) -> std::result::Result<bool, String> {
    match tx.config(name).as_deref().unwrap_or(default) {
        "block" => Ok(true),
        "allow" => Ok(false),
        other => Err(format!("{} = {:?}: want block or allow", name, other)),
    }
}

fn words(list: &str) -> Vec<String> {
    list.split(|c: char| c == ',' || c.is_whitespace())
        .map(|w| w.trim_start_matches('.').to_lowercase())
        .filter(|w| !w.is_empty())
        .collect()
}

impl Blocker {
    fn refuse(&self, tx: &Tx, why: &str) -> Result<Verdict> {
        tx.count("blocked", 1)?;
        if self.action != "reject" {
            tx.log(Level::Info, why);
        }
        match self.action.as_str() {
            "hold" => tx.hold(why),
            "quarantine" => tx.quarantine("attachment"),
            "discard" => Ok(Verdict::Discard),
            _ => tx.reject("5.7.1", &format!("attachment is not accepted: {}", why)),
        }
    }

    /// What is wrong with a part, if anything is.
    fn part(&self, part: &Part) -> Result<Option<String>> {
        if let Some(why) = self.name(part.name.as_bytes(), false) {
            return Ok(Some(why));
        }
        // Text cannot be run by opening it, and its names were looked at.
        if part.kind.starts_with("text/") && part.name.is_empty() {
            return Ok(None);
        }
        self.content(part)
    }

    /// Whether a name is one that is blocked. Windows ignores dots and spaces at the end, and a mark
    /// that turns the direction of writing hides where the name ends.
    fn name(&self, name: &[u8], inside: bool) -> Option<String> {
        let text = String::from_utf8_lossy(name).to_lowercase();
        let base = text.rsplit(|c| c == '/' || c == '\\').next().unwrap_or("");
        let base = base.trim_end_matches(|c: char| c == '.' || c.is_whitespace() || c == '\0');
        if base.contains(|c: char| ('\u{202a}'..='\u{202e}').contains(&c) || ('\u{2066}'..='\u{2069}').contains(&c)) {
            return Some(format!("the name {} hides what it is", show(base)));
        }
        if self.macros && base == "vbaproject.bin" {
            return Some("a document with macros".into());
        }
        // An alternate stream ("x.exe:y") is opened as what stands before the colon.
        for piece in base.split(':') {
            let ext = match piece.rfind('.') {
                Some(dot) => &piece[dot + 1..],
                None => continue,
            };
            if self.extensions.iter().any(|e| e == ext) {
                return Some(format!("{} is a .{} file", show(base), show(ext)));
            }
            if inside && self.archives.iter().any(|e| e == ext) {
                return Some(format!("{} is an archive", show(base)));
            }
        }
        None
    }

    /// Reads a part once, from its begin to its end.
    fn content(&self, part: &Part) -> Result<Option<String>> {
        let mut buf = vec![0u8; PIECE + CENTRAL + LONGEST];
        let (mut have, mut off) = (0usize, 0u64);
        let mut archive = false;
        loop {
            let n = host::mime_part(part.index, 0, off, &mut buf[have..have + PIECE])?;
            let first = off == 0;
            off += n as u64;
            let end = have + n;
            if first {
                if let Some(what) = executable(&buf[..end]).filter(|_| self.magic) {
                    return Ok(Some(format!("{} is {}", show(or(&part.name, "a part")), what)));
                }
                archive = is_zip(&buf[..end]) || zip_name(&part.name);
            }
            if !archive {
                return Ok(None);
            }
            // What may go on in the next piece is kept, unless there is none.
            let last = n == 0;
            let stop = if last { end } else { end.saturating_sub(CENTRAL + LONGEST) };
            if let Some(why) = self.headers(&buf[..end], stop) {
                return Ok(Some(why));
            }
            if last {
                return Ok(None);
            }
            buf.copy_within(stop..end, 0);
            have = end - stop;
        }
    }

    /// Looks at every header of an entry that begins before stop, of the directory at the end and of
    /// those in front of each entry: what either of them says counts, since programs differ in whom
    /// they believe, and archives in archives that are only stored are seen as well.
    fn headers(&self, b: &[u8], stop: usize) -> Option<String> {
        let mut i = 0;
        while i < stop {
            i += match b[i..stop].iter().position(|&c| c == b'P') {
                Some(at) => at,
                None => return None,
            };
            let rest = &b[i..];
            i += 1;
            let (fixed, len_at, flags_at) = if rest.starts_with(b"PK\x03\x04") {
                (LOCAL, 26, 6)
            } else if rest.starts_with(b"PK\x01\x02") {
                (CENTRAL, 28, 8)
            } else {
                continue;
            };
            if rest.len() < fixed {
                continue;
            }
            let len = u16_at(rest, len_at);
            let name = &rest[fixed..rest.len().min(fixed + len.min(LONGEST))];
            if let Some(why) = self.name(name, true) {
                return Some(why + " in an archive");
            }
            if self.encrypted && u16_at(rest, flags_at) & 1 == 1 {
                return Some("an archive with a password".into());
            }
            let data = fixed + len + if fixed == LOCAL { u16_at(rest, 28) } else { 0 };
            if self.magic && fixed == LOCAL && u16_at(rest, 8) == 0 && data < rest.len() {
                if let Some(what) = executable(&rest[data..]) {
                    return Some(format!("{} is {} in an archive", show(&String::from_utf8_lossy(name)), what));
                }
            }
        }
        None
    }

    /// Files in the old way, in the middle of a text: "begin 644 name".
    fn uuencoded(&self, tx: &Tx) -> Result<Option<String>> {
        const LINE: &[u8] = b"(?m)^begin(-base64)? [0-7]{3,4} [^\\r\\n]{1,200}";
        let mut from = 0;
        for _ in 0..1000 {
            match host::regexp(LINE, Text::Decoded.number(), from) {
                Ok(_) => (),
                Err(Error::NotFound) => return Ok(None),
                Err(e) => return Err(e),
            }
            let found = tx.property("scan.match");
            if let Some(why) = self.name(found.splitn(3, ' ').nth(2).unwrap_or("").as_bytes(), false) {
                return Ok(Some(why));
            }
            from = tx.property("scan.end").parse().unwrap_or(i64::MAX);
        }
        Ok(Some("more uuencoded files than can be looked at".into()))
    }
}

fn u16_at(b: &[u8], i: usize) -> usize {
    b[i] as usize | (b[i + 1] as usize) << 8
}

/// What can be run, by its first bytes.
fn executable(b: &[u8]) -> Option<&'static str> {
    let pe = || {
        // "MZ" begins many things: the rest of the header has to be there.
        if b.len() < 64 {
            return b.len() >= 28;
        }
        let at = u16_at(b, 60) | u16_at(b, 62) << 16;
        at >= b.len() || b[at..].starts_with(b"PE\0\0") || b[at..].starts_with(b"NE") || b[at..].starts_with(b"LE") || u16_at(b, 24) < 64
    };
    match b {
        [b'M', b'Z', ..] if pe() => Some("a program for Windows"),
        [0x7f, b'E', b'L', b'F', ..] => Some("a program for Unix"),
        [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..] | [0xce | 0xcf, 0xfa, 0xed, 0xfe, ..] => Some("a program for macOS"),
        [0xca, 0xfe, 0xba, 0xbe, ..] => Some("a program for Java or macOS"),
        [0x4c, 0, 0, 0, 0x01, 0x14, 0x02, 0, ..] => Some("a shortcut for Windows"),
        _ => None,
    }
}

fn is_zip(b: &[u8]) -> bool {
    b.starts_with(b"PK\x03\x04") || b.starts_with(b"PK\x05\x06") || b.starts_with(b"PK00PK\x03\x04") || b.starts_with(b"PK\x01\x02")
}

/// An archive may have anything in front of it: what calls itself one is looked at as one.
fn zip_name(name: &str) -> bool {
    let name = name.to_lowercase();
    [".zip", ".docx", ".docm", ".xlsx", ".xlsm", ".pptx", ".pptm", ".jar", ".apk", ".xpi"].iter().any(|e| name.ends_with(e))
}

fn or<'a>(s: &'a str, other: &'a str) -> &'a str {
    if s.is_empty() {
        other
    } else {
        s
    }
}

/// A name as it can be said in a reply: short, and in ASCII.
fn show(name: &str) -> String {
    name.chars().take(80).map(|c| if (' '..='~').contains(&c) { c } else { '?' }).collect()
}

mtad::export!(Blocker: eom);
