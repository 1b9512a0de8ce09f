package sdk

// Services is the part of ABI 1 that needs a capability. A plugin that was not granted one gets
// ErrDenied.
type Services interface {
	// MapGet looks key up in the table that this plugin's configuration calls name (capability
	// "map"). ErrNotFound: the table has no such key; ErrAgain: it could not be asked.
	MapGet(name, key string) (string, Errno)

	// The key-value store of this plugin alone (capability "kv"): durable, with a quota. Keys
	// have 1 to 256 bytes, values at most 64 KiB. ttl is in seconds, 0 for ever.

	// KVGet returns a value, or ErrNotFound.
	KVGet(key string) ([]byte, Errno)
	// KVSet stores a value; ErrLimit when the quota is used up.
	KVSet(key string, value []byte, ttl int) Errno
	// KVIncr adds delta to a count, atomically, and returns it. A count that is not there is
	// 0 and begins to live ttl seconds; later calls do not make it live longer. It never
	// falls below 0. ErrInvalid: the value is no count.
	KVIncr(key string, delta int64, ttl int) (int64, Errno)
	// KVDel forgets a value; none is no error.
	KVDel(key string) Errno

	// DNS asks for records (capability "dns"): kind is the type's number (RFC 1035 §3.2.2),
	// the answers are in presentation form, one a line ("10 mx.example.com."). ErrNotFound:
	// there are none; ErrAgain: nobody could say.
	DNS(kind DNSType, name string) (string, Errno)

	// Words finds the first word of a set in the text that what names, from offset from on
	// (capability "scan"). A set is a key of the plugin's configuration, or, when it has a
	// line end in it, the words themselves; docs/abi.md says more. ASCII letters match in any
	// case. ErrNotFound: none.
	Words(set string, what Text, from int64) (Match, Errno)
	// Regexp finds the first match of a pattern (RE2 syntax) in a text, from an offset on.
	// ErrInvalid: the pattern is bad.
	Regexp(pattern string, what Text, from int64) (Match, Errno)
	// Hash returns the hash of a text as hexadecimal digits.
	Hash(alg HashAlg, what Text) (string, Errno)
	// MIMEPart returns what is said of the MIME part i, from 0; multiparts are not counted,
	// what they hold is. ErrNotFound: there are fewer parts.
	MIMEPart(i int, what MIMEInfo) (string, Errno)
	// MIMERead fills p with the decoded content of part i from offset off on and returns the
	// number of bytes, 0 at the end.
	MIMERead(i int, off int64, p []byte) (int, Errno)

	// RcptStatus says what became of recipient i at a deliver hook (capability "deliver"): a
	// code of class 2 is sent, 4 deferred, 5 bounced.
	RcptStatus(i, code int, enhanced, text string) Errno
}

// DNSType is a type of DNS records, as the DNS numbers them.
type DNSType uint16

// The types that mail has a use for.
const (
	DNSA     DNSType = 1
	DNSNS    DNSType = 2
	DNSCNAME DNSType = 5
	DNSPTR   DNSType = 12
	DNSMX    DNSType = 15
	DNSTXT   DNSType = 16
	DNSAAAA  DNSType = 28
	DNSSRV   DNSType = 33
	DNSTLSA  DNSType = 52
)

// Text names a text of the message that the scan functions look at.
type Text int32

// The texts. TextPart + i is the decoded content of MIME part i.
const (
	TextMessage Text = 0  // header and body as they are
	TextHeader  Text = 1  // the header block
	TextBody    Text = 2  // the body as it is
	TextDecoded Text = 3  // all MIME parts of type text/*, decoded, one after the other
	TextPart    Text = 16 // the first MIME part, decoded
)

// Match is where a scan function found something.
type Match struct {
	// Begin and End are offsets in the text.
	Begin, End int64
	// Found is what stands there, at most its first 1,000 bytes.
	Found string
}

// HashAlg is a hash function.
type HashAlg int32

// The hash functions.
const (
	MD5    HashAlg = 0
	SHA1   HashAlg = 1
	SHA256 HashAlg = 2
)

// MIMEInfo says what MIMEPart returns. 0 is the content, which MIMERead reads.
type MIMEInfo int32

// What can be said of a MIME part.
const (
	MIMEType        MIMEInfo = 1 // "text/plain", lower case
	MIMEName        MIMEInfo = 2 // the file name, decoded; "" when it has none
	MIMECharset     MIMEInfo = 3 // lower case; "" when it says none
	MIMEDisposition MIMEInfo = 4 // "attachment", "inline"; "" when it says none
	MIMESize        MIMEInfo = 5 // the length of the decoded content, decimal
)
