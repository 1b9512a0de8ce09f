package ctl

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/mtad/mtad/queue"
)

// nullSender is how Postfix's lists show the null sender (postconf(5) empty_address_recipient).
const nullSender = "MAILER-DAEMON"

// Item is one entry of a queue listing, with the fields of postqueue -j (postqueue(1)).
type Item struct {
	Queue   string `json:"queue_name"`
	ID      string `json:"queue_id"`
	Arrival int64  `json:"arrival_time"` // seconds since 1970
	Size    int64  `json:"message_size"` // bytes
	Expire  bool   `json:"forced_expire"`
	Sender  string `json:"sender"`
	// Recipients are those that are not done.
	Recipients []Waiting `json:"recipients"`
}

// Waiting is one recipient of an Item.
type Waiting struct {
	Address string `json:"address"`
	// Original is the recipient as the sender gave it, "" when that is Address.
	Original string `json:"orig_address,omitempty"`
	// Reason is why it is still here, "" when nothing was tried.
	Reason string `json:"delay_reason,omitempty"`
}

// Describe returns the Item of an entry. It shares strings with its arguments.
func Describe(e *queue.Entry, r *queue.Record) Item {
	it := Item{Queue: r.State.String(), ID: e.ID, Arrival: e.Arrived.Unix(), Size: e.Size, Expire: r.Expire, Sender: e.Sender}
	if it.Sender == "" {
		it.Sender = nullSender
	}
	for i := range e.Recipients {
		var p queue.Progress
		if i < len(r.Recipients) {
			p = r.Recipients[i]
		}
		if p.Outcome.Done() || e.Recipients[i].Expanded {
			continue
		}
		to := &e.Recipients[i]
		w := Waiting{Address: to.Address, Reason: p.Reply.Text}
		if to.Original != to.Address {
			w.Original = to.Original
		}
		if w.Reason == "" {
			w.Reason = r.Reason
		}
		it.Recipients = append(it.Recipients, w)
	}
	return it
}

// ArrivedAt is the arrival as a time.
func (it *Item) ArrivedAt() time.Time { return time.Unix(it.Arrival, 0) }

// AppendJSON appends the item as one line, with Postfix's order of fields and its spaces: some
// scripts match the text.
func (it *Item) AppendJSON(b []byte) []byte {
	b = appendString(append(b, `{"queue_name": `...), it.Queue)
	b = appendString(append(b, `, "queue_id": `...), it.ID)
	b = strconv.AppendInt(append(b, `, "arrival_time": `...), it.Arrival, 10)
	b = strconv.AppendInt(append(b, `, "message_size": `...), it.Size, 10)
	b = strconv.AppendBool(append(b, `, "forced_expire": `...), it.Expire)
	b = appendString(append(b, `, "sender": `...), it.Sender)
	b = append(b, `, "recipients": [`...)
	for i := range it.Recipients {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = it.Recipients[i].append(b)
	}
	return append(b, "]}\n"...)
}

func (w *Waiting) append(b []byte) []byte {
	b = appendString(append(b, `{"address": `...), w.Address)
	if w.Original != "" {
		b = appendString(append(b, `, "orig_address": `...), w.Original)
	}
	if w.Reason != "" {
		b = appendString(append(b, `, "delay_reason": `...), w.Reason)
	}
	return append(b, '}')
}

// appendString appends a JSON string. Bytes that are not UTF-8 become U+FFFD: JSON has no other
// way, and a line that no parser takes would hide the rest of the queue.
func appendString(b []byte, s string) []byte {
	if isPlain(s) {
		return append(append(append(b, '"'), s...), '"')
	}
	quoted, err := json.Marshal(s)
	if err != nil { // a string always has one
		return append(b, `""`...)
	}
	return append(b, quoted...)
}

func isPlain(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
