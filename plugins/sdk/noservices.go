package sdk

// NoServices denies every service. Embed it in a Host that has none.
type NoServices struct{}

var _ Services = NoServices{}

// MapGet denies.
func (NoServices) MapGet(string, string) (string, Errno) { return "", ErrDenied }

// KVGet denies.
func (NoServices) KVGet(string) ([]byte, Errno) { return nil, ErrDenied }

// KVSet denies.
func (NoServices) KVSet(string, []byte, int) Errno { return ErrDenied }

// KVIncr denies.
func (NoServices) KVIncr(string, int64, int) (int64, Errno) { return 0, ErrDenied }

// KVDel denies.
func (NoServices) KVDel(string) Errno { return ErrDenied }

// DNS denies.
func (NoServices) DNS(DNSType, string) (string, Errno) { return "", ErrDenied }

// Words denies.
func (NoServices) Words(string, Text, int64) (Match, Errno) { return Match{}, ErrDenied }

// Regexp denies.
func (NoServices) Regexp(string, Text, int64) (Match, Errno) { return Match{}, ErrDenied }

// Hash denies.
func (NoServices) Hash(HashAlg, Text) (string, Errno) { return "", ErrDenied }

// MIMEPart denies.
func (NoServices) MIMEPart(int, MIMEInfo) (string, Errno) { return "", ErrDenied }

// MIMERead denies.
func (NoServices) MIMERead(int, int64, []byte) (int, Errno) { return 0, ErrDenied }

// RcptStatus denies.
func (NoServices) RcptStatus(int, int, string, string) Errno { return ErrDenied }
