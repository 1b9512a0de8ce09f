//! filter: refuses messages that have a configured word in the Subject, and marks the others.

use mtad::{Plugin, Result, Tx, Verdict};

#[derive(Default)]
struct Filter {
    word: String,
}

impl Plugin for Filter {
    /// The configuration is read once, at load.
    fn init(&mut self, tx: &Tx) -> std::result::Result<(), String> {
        self.word = tx.config("word").unwrap_or_else(|| "lottery".into()).to_lowercase();
        Ok(())
    }

    /// Asked when the whole message has arrived.
    fn eom(&self, tx: &Tx) -> Result<Verdict> {
        if tx.header("Subject").to_lowercase().contains(&self.word) {
            return tx.reject("5.7.1", "messages about this are not taken here");
        }
        tx.add_header("X-Checked", "yes")?;
        Ok(Verdict::Continue)
    }
}

mtad::export!(Filter: eom);
