#!/usr/bin/python3
"""A directory in SQLite: who exists, who may write to whom, and where their mail goes.

    CREATE TABLE people (address TEXT PRIMARY KEY, mailbox TEXT NOT NULL, inside INTEGER NOT NULL);

It is a lookup table (virtual_alias_maps = plugin:directory: address -> mailbox), refuses mail from
outside to people who are for the inside only, and puts a mark into the subject of mail from outside.
"""

import sqlite3
import threading

import mtad_plugin as mtad


class Directory:
    def init(self, tx):
        self.path = tx.config("database")
        if not self.path:
            raise ValueError("config.database is not set")
        self.domain = tx.config("domain", "").lower()
        self.mark = tx.config("mark", "[EXTERNAL]")
        self.local = threading.local()
        n = self.query("SELECT count(*) FROM people")[0]
        tx.log("%d people" % n)

    def query(self, sql, *args):
        """The first row, or None. Each thread has a connection of its own."""
        if not hasattr(self.local, "db"):
            self.local.db = sqlite3.connect("file:%s?mode=ro" % self.path, uri=True, timeout=0.5)
        return self.local.db.execute(sql, args).fetchone()

    def outside(self, sender):
        return not self.domain or not sender.lower().endswith("@" + self.domain)

    def rcpt(self, tx):
        try:
            row = self.query("SELECT inside FROM people WHERE address = ?", tx.get("rcpt.addr").lower())
        except sqlite3.Error as e:
            tx.log("cannot ask: %s" % e, mtad.WARN)
            return mtad.tempfail("4.3.0", "the directory is not available")
        if row and row[0] and self.outside(tx.get("mail.from")):
            tx.count("refused")
            return mtad.reject("5.7.1", "this address takes mail from inside only")

    def eom(self, tx):
        subject = tx.header("Subject")
        if self.outside(tx.get("mail.from")) and not subject.startswith(self.mark):
            tx.set_header("Subject", (self.mark + " " + subject).strip())

    def lookup(self, tx):
        try:
            row = self.query("SELECT mailbox FROM people WHERE address = ?", tx.get("lookup.key").lower())
        except sqlite3.Error as e:
            tx.log("cannot ask: %s" % e, mtad.WARN)
            return mtad.tempfail("4.3.0", "the directory is not available")
        if row:
            return mtad.found_value(row[0])


if __name__ == "__main__":
    mtad.serve(Directory(), needs=["edit"])
