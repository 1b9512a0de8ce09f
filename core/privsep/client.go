package privsep

import (
	"crypto"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/mtad/mtad/core/tlskeys"
)

// Variable is the environment variable that tells the worker the number of the channel's file.
const Variable = "MAIL_PARENT_CHANNEL"

// ErrGone says that the parent is gone: the worker must end.
var ErrGone = errors.New("the privileged parent is gone")

// Refused is what the parent does not do: the configuration that it read does not ask for it.
type Refused struct{ Text string }

// Error returns the reason.
func (e *Refused) Error() string { return "the privileged parent refuses: " + e.Text }

// failure is an error of the system with the parent's words.
type failure struct {
	text  string
	errno syscall.Errno
}

func (e *failure) Error() string { return e.text }

// Unwrap returns the number of the error.
func (e *failure) Unwrap() error { return e.errno }

// Client asks the parent. Safe for concurrent use.
type Client struct {
	conn *Conn
	gone chan struct{}

	mu      sync.Mutex // guards all below
	next    uint32
	waiting map[uint32]chan reply
}

type reply struct {
	m     *Message
	files []*os.File
}

// Inherited returns the client of a process that a parent started, nil for any other. The variable
// is removed from the environment.
func Inherited() (*Client, error) {
	value, ok := os.LookupEnv(Variable)
	if !ok {
		return nil, nil
	}
	os.Unsetenv(Variable)
	fd, err := strconv.Atoi(value)
	if err != nil || fd < 3 {
		return nil, fmt.Errorf("%s=%s: not the number of a file", Variable, value)
	}
	syscall.CloseOnExec(fd)
	conn, err := Take(os.NewFile(uintptr(fd), "channel"))
	if err != nil {
		return nil, err
	}
	return NewClient(conn), nil
}

// NewClient returns a client on conn, which it takes over. Its goroutine ends with the channel.
func NewClient(conn *Conn) *Client {
	c := &Client{conn: conn, gone: make(chan struct{}), waiting: map[uint32]chan reply{}}
	go c.receive()
	return c
}

// Gone is closed when the parent is gone.
func (c *Client) Gone() <-chan struct{} { return c.gone }

// Close ends the channel.
func (c *Client) Close() error { return c.conn.Close() }

// receive hands answers to those who wait. Owned by the channel: it ends when that is closed.
func (c *Client) receive() {
	defer close(c.gone)
	for {
		m, files, err := c.conn.Receive()
		if err != nil {
			c.conn.Close()
			return
		}
		c.mu.Lock()
		to := c.waiting[m.ID]
		c.mu.Unlock()
		if to == nil {
			CloseAll(files)
			continue
		}
		to <- reply{m, files} // it has room for an Answer and an Ended
	}
}

// call is one request under way.
type call struct {
	c  *Client
	id uint32
	in chan reply
}

func (c *Client) begin(m *Message, files ...int) (*call, error) {
	k := &call{c: c, in: make(chan reply, 2)}
	c.mu.Lock()
	c.next++
	k.id = c.next
	c.waiting[k.id] = k.in
	c.mu.Unlock()
	m.ID = k.id
	if err := c.conn.Send(m, files...); err != nil {
		k.end()
		if errors.Is(err, ErrTooLarge) || errors.Is(err, errMalformed) {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %w", ErrGone, err)
	}
	return k, nil
}

func (k *call) end() {
	k.c.mu.Lock()
	delete(k.c.waiting, k.id)
	k.c.mu.Unlock()
}

func (k *call) next() (reply, error) {
	select {
	case r := <-k.in:
		return r, nil
	case <-k.c.gone:
		return reply{}, ErrGone
	}
}

// answer waits for the answer and makes an error of one that is.
func (k *call) answer() (reply, error) {
	r, err := k.next()
	if err != nil {
		return r, err
	}
	if r.m.Op != Answer {
		CloseAll(r.files)
		return r, errMalformed
	}
	errno, refused := r.m.Integers[0], r.m.Integers[1] != 0
	if errno == 0 && !refused {
		return r, nil
	}
	CloseAll(r.files)
	text := "no reason given"
	if len(r.m.Texts) > 0 {
		text = r.m.Texts[0]
	}
	if refused {
		return r, &Refused{text}
	}
	return r, &failure{text, syscall.Errno(errno)}
}

// ask sends a request and waits for its answer.
func (c *Client) ask(m *Message, files ...int) (reply, error) {
	k, err := c.begin(m, files...)
	if err != nil {
		return reply{}, err
	}
	defer k.end()
	return k.answer()
}

// file asks for one open file.
func (c *Client) file(m *Message) (*os.File, error) {
	r, err := c.ask(m)
	if err != nil {
		return nil, err
	}
	if len(r.files) != 1 {
		CloseAll(r.files)
		return nil, errMalformed
	}
	return r.files[0], nil
}

// Listen binds an address ("host:port") that the service of master.cf has.
func (c *Client) Listen(service, network, address string) (net.Listener, error) {
	f, err := c.file(&Message{Op: Listen, Texts: []string{service, network, address}})
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return net.FileListener(f)
}

// Command is a command to run; the fields are those of deliver.Command.
type Command struct {
	Kind               uint8
	Service, Directory string
	Account            string
	UID, GID           int
	Limit              time.Duration // rounded up to seconds
	Argv, Env          []string
}

// Running is a command that runs. Safe for concurrent use.
type Running struct{ k *call }

// Run starts a command. The files stay the caller's. stdin is its standard input and output where
// it writes; feed is the other end of stdin, which the parent keeps open until Fed, so that a
// command does not take half a message for a whole one when the worker dies; nil when stdin and
// output are one connection.
func (c *Client) Run(m *Command, stdin, output, feed *os.File) (*Running, error) {
	texts := append([]string{m.Service, m.Account, m.Directory}, m.Argv...)
	files := []int{int(stdin.Fd()), int(output.Fd())}
	if feed != nil {
		fd, err := rawFD(feed)
		if err != nil {
			return nil, err
		}
		files = append(files, fd)
	}
	seconds := int64((m.Limit + time.Second - 1) / time.Second)
	k, err := c.begin(&Message{Op: Run, Integers: []int64{int64(m.Kind), int64(m.UID), int64(m.GID), seconds, int64(len(m.Argv))},
		Texts: append(texts, m.Env...)}, files...)
	if err != nil {
		return nil, err
	}
	if _, err := k.answer(); err != nil {
		k.end()
		return nil, err
	}
	return &Running{k}, nil
}

// rawFD is the number of a file that stays as it is (Fd would make it block).
func rawFD(f *os.File) (fd int, err error) {
	raw, err := f.SyscallConn()
	if err == nil {
		err = raw.Control(func(n uintptr) { fd = int(n) })
	}
	return fd, err
}

// Fed says that the command got its whole message.
func (r *Running) Fed() { _ = r.k.c.conn.Send(&Message{Op: Fed, ID: r.k.id}) }

// Kill ends the command and its process group.
func (r *Running) Kill() { _ = r.k.c.conn.Send(&Message{Op: Kill, ID: r.k.id}) }

// Wait returns how the command ended. It is called once.
func (r *Running) Wait() (syscall.WaitStatus, error) {
	defer r.k.end()
	got, err := r.k.next()
	if err != nil {
		return 0, err
	}
	if got.m.Op != Ended {
		CloseAll(got.files)
		return 0, errMalformed
	}
	return syscall.WaitStatus(got.m.Integers[0]), nil
}

// Place is where a deliverer may write.
type Place uint8

// The places: below virtual_mailbox_base; below mail_spool_directory; below the home directory of
// the account; any file (files in aliases and .forward); any directory for reading alone (:include:).
const (
	Virtual Place = iota + 1
	Spool
	Home
	AnyFile
	Included
)

// DelivererName is what a deliverer is called by (its argument 0); its argument 1 is the
// directory, its argument 2 DelivererReads if it must not write. Its file 3 is its socket.
const (
	DelivererName  = "mtad-deliver"
	DelivererReads = "read"
)

// Deliverer starts a process with the rights given that reads and writes below directory only, and
// returns a socket to it. account is "" for Virtual. The process ends when the socket is closed.
func (c *Client) Deliverer(p Place, account string, uid, gid int, directory string) (*os.File, error) {
	return c.file(&Message{Op: Deliverer, Integers: []int64{int64(p), int64(uid), int64(gid)}, Texts: []string{account, directory}})
}

// Key signs with a private key that the parent holds.
type Key struct {
	c           *Client
	file, print string
	public      crypto.PublicKey
}

var _ crypto.Signer = (*Key)(nil)

// KeyPair returns the certificates of a file of the configuration, and the key of another.
func (c *Client) KeyPair(certFile, keyFile string) (tls.Certificate, error) {
	r, err := c.ask(&Message{Op: KeyPair, Texts: []string{certFile, keyFile}})
	if err != nil {
		return tls.Certificate{}, err
	}
	return c.certificate(keyFile, r.m.Texts)
}

// KeyChains returns the keys of files of the configuration, each with its certificates.
func (c *Client) KeyChains(files []string) (all []tls.Certificate, err error) {
	r, err := c.ask(&Message{Op: KeyChains, Texts: files})
	if err != nil {
		return nil, err
	}
	for texts := r.m.Texts; len(texts) > 0; {
		if len(texts) < 2 {
			return nil, errMalformed
		}
		n, err := strconv.Atoi(texts[1])
		if err != nil || n < 0 || n > len(texts)-2 {
			return nil, errMalformed
		}
		one, err := c.certificate(texts[0], texts[2:2+n])
		if err != nil {
			return nil, err
		}
		all, texts = append(all, one), texts[2+n:]
	}
	return all, nil
}

// certificate is certificates in DER with the key for the first of them.
func (c *Client) certificate(keyFile string, chain []string) (one tls.Certificate, err error) {
	if len(chain) == 0 {
		return one, errMalformed
	}
	for _, der := range chain {
		one.Certificate = append(one.Certificate, []byte(der))
	}
	if one.Leaf, err = x509.ParseCertificate(one.Certificate[0]); err != nil {
		return one, err
	}
	one.PrivateKey = &Key{c, keyFile, tlskeys.Print(one.Leaf.PublicKey), one.Leaf.PublicKey}
	return one, nil
}

// Public returns the public key.
func (k *Key) Public() crypto.PublicKey { return k.public }

// Sign signs a digest. The randomness is the parent's.
func (k *Key) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	salt := int64(-1)
	if pss, ok := opts.(*rsa.PSSOptions); ok {
		if salt = int64(pss.SaltLength); salt == rsa.PSSSaltLengthEqualsHash || salt == rsa.PSSSaltLengthAuto {
			salt = int64(opts.HashFunc().Size())
		}
	}
	r, err := k.c.ask(&Message{Op: Sign, Integers: []int64{int64(opts.HashFunc()), salt}, Texts: []string{k.file, k.print, string(digest)}})
	if err != nil {
		return nil, err
	}
	if len(r.m.Texts) != 1 {
		return nil, errMalformed
	}
	return []byte(r.m.Texts[0]), nil
}

// Reload has the parent read the configuration again.
func (c *Client) Reload() error {
	_, err := c.ask(&Message{Op: Reload})
	return err
}

// State is what the service manager is told.
type State uint8

// The states.
const (
	Ready State = iota + 1
	Reloading
	Stopping
	Alive
	Status
)

// Notify tells the service manager, by way of the parent.
func (c *Client) Notify(s State, status string) error {
	_, err := c.ask(&Message{Op: Notify, Integers: []int64{int64(s)}, Texts: []string{status}})
	return err
}

// Upgrade has the parent end this process and run the program that is now where ours was. It
// returns when the parent has begun.
func (c *Client) Upgrade() error {
	_, err := c.ask(&Message{Op: Upgrade})
	return err
}
