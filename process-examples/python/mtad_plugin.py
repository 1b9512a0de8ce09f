"""mtad plugins in Python: the plugin's side of plugins/sdk/serve/wire/plugin.proto.

Needs Debian's python3-grpcio and python3-protobuf, and plugin_pb2.py beside this file.

    import mtad_plugin as mtad

    class Filter:
        def rcpt(self, tx):
            if tx.get("rcpt.addr").startswith("trap@"):
                return mtad.reject("5.7.1", "not to the trap")

    mtad.serve(Filter())

A plugin is an object; the hooks that it wants are its methods: connect helo auth mail rcpt data
headers body eom abort rewrite route deliver lookup event, each with a Tx, and init with a Tx that
has only config, feature and log. A hook returns a verdict, or None to continue. An exception is a
failure of the hook: its traceback is in the log, and the message meets the plugin's on_error. Hooks
run in several threads at a time.
"""

import concurrent.futures
import os
import queue
import signal
import sys
import threading
import time
import traceback

import grpc
import plugin_pb2 as pb

POINTS = ("connect helo auth mail rcpt data headers body eom abort rewrite route deliver lookup "
          "event").split()
DEBUG, INFO, WARN, ERROR = range(4)
CONNECTION, MESSAGE = 0, 1  # scopes of stash
A, NS, CNAME, PTR, MX, TXT, AAAA, SRV, TLSA = 1, 2, 5, 12, 15, 16, 28, 33, 52  # DNS types
TEXT_MESSAGE, TEXT_HEADER, TEXT_BODY, TEXT_DECODED, TEXT_PART = 0, 1, 2, 3, 16
MD5, SHA1, SHA256 = 0, 1, 2
PART_TYPE, PART_NAME, PART_CHARSET, PART_DISPOSITION, PART_SIZE = 1, 2, 3, 4, 5

NOT_FOUND, DENIED, INVALID, LIMIT, STAGE, AGAIN, UNSUPPORTED, IO = range(-1, -9, -1)
_ERRORS = {NOT_FOUND: "not found", DENIED: "denied: not in this plugin's allow list",
           INVALID: "bad argument", LIMIT: "limit reached", STAGE: "not at this hook point",
           AGAIN: "try again later", UNSUPPORTED: "not supported by this host",
           IO: "input/output error"}
_MAX_TEXT = 64 << 10


class HostError(Exception):
    """A function of mtad failed; number is the error of ABI 1."""

    def __init__(self, number):
        super().__init__(_ERRORS.get(number, "error %d" % number))
        self.number = number


class Verdict:
    """What a hook decides; the functions below make one."""

    def __init__(self, action, reply=None, **answers):
        self.action, self.reply, self.answers = action, reply, answers


CONTINUE, ACCEPT, DISCARD, FOUND = Verdict(0), Verdict(1), Verdict(4), Verdict(9)


def tempfail(enhanced, text):
    return Verdict(2, (451, enhanced, text))


def reject(enhanced, text):
    return Verdict(3, (550, enhanced, text))


def hold(reason):
    return Verdict(5, None, **{"action.arg": reason})


def quarantine(name):
    return Verdict(6, None, **{"action.arg": name})


def redirect(address):
    return Verdict(7, None, **{"action.arg": address})


def filter_through(route):
    return Verdict(8, None, **{"action.arg": route})


def found_addr(address):
    return Verdict(9, None, **{"rewrite.result": address})


def found_route(transport, nexthop):
    return Verdict(9, None, **{k: v for k, v in (("route.transport", transport),
                                                 ("route.nexthop", nexthop)) if v})


def found_value(value):
    return Verdict(9, None, **{"lookup.value": value})


def _bytes(s):
    return s if isinstance(s, bytes) else str(s).encode("utf-8", "surrogateescape")


def _str(b):
    return b.decode("utf-8", "surrogateescape")


class InitTx:
    """What init sees."""

    def __init__(self, server):
        self._server, self._ops = server, []

    def config(self, key, default=None):
        return self._server.config.get(key, default)

    def feature(self, name):
        """Whether mtad can do something, or granted a capability ("edit", "kv", ...)."""
        return name in self._server.features

    def log(self, text, level=INFO):
        self._ops.append(pb.Op(function=pb.LOG, i=level, p=_bytes(text)[:8000]))


class Tx(InitTx):
    """One hook: what it sees of the transaction and may propose. Strings that mtad has as bytes
    that are no UTF-8 come with surrogate escapes, and go back as the bytes they were."""

    def __init__(self, server, lane, call):
        super().__init__(server)
        self._lane, self._call, self._touched = lane, call, False
        self._given = {p.name: p for p in call.properties}
        self.point = POINTS[call.point]
        self._learned = server.learned[call.point]

    # The wire.

    def _ask(self, function, i=0, j=0, k=0, p="", q=""):
        self._ops.append(pb.Op(function=function, i=i, j=j, k=k, p=_bytes(p), q=_bytes(q)))
        ops, self._ops = self._ops, []
        answer = self._lane.ask(pb.ToHost(id=self._call.id, ops=ops))
        if answer.error:
            raise HostError(answer.error)
        return answer

    def _find(self, *args, **kw):
        """_ask, with None for what is not found."""
        try:
            return self._ask(*args, **kw)
        except HostError as e:
            if e.number == NOT_FOUND:
                return None
            raise

    def _edit(self, *args, **kw):
        self._touched = True
        self._ask(*args, **kw)

    # What there is to see.

    def get(self, name, default=""):
        """A property; docs/abi.md lists them."""
        given = None if self._touched else self._given.get(name)
        if given is None:
            if not self._touched:
                self._learned.property(name)
            given = self._find(pb.GET, p=name)
        elif given.error:
            given = None
        return default if given is None else _str(given.value)

    def fields(self):
        """The header fields, in order: (name, unfolded value)."""
        if self._call.HasField("header") and not self._touched:
            return [(_str(f.name), _str(f.value)) for f in self._call.header.fields]
        self._learned.flag("header")
        return [(_str(self._field(i, 0)), _str(self._field(i, 1)))
                for i in range(self._ask(pb.HDR_COUNT).number)]

    def _field(self, i, part):
        value, whole = b"", 1
        while len(value) < whole:
            a = self._ask(pb.HDR_GET, i, part, len(value))
            value, whole = value + a.value, a.end
            if not a.value:
                break
        return value

    def raw_field(self, i):
        """Field i as it came."""
        return self._field(i, 2)

    def headers(self, name):
        return [v for n, v in self.fields() if n.lower() == name.lower()]

    def header(self, name, default=""):
        return (self.headers(name) or [default])[0]

    def recipients(self):
        if self._call.HasField("recipients") and not self._touched:
            return [_str(r.address) for r in self._call.recipients.list]
        self._learned.flag("recipients")
        return [_str(self._ask(pb.RCPT_GET, i, 0).value)
                for i in range(self._ask(pb.RCPT_COUNT).number)]

    def body_size(self):
        """The length of the body, -1 before it is known."""
        if self._call.HasField("body") and not self._touched:
            return self._call.body.size
        return self._ask(pb.BODY_SIZE).number

    def _pieces(self, function, off, end=None, part=None):
        while end is None or off < end:
            n = _MAX_TEXT if end is None else min(_MAX_TEXT, end - off)
            args = (off, n) if part is None else (part, off, n)
            data = self._ask(function, *args).value
            if data:
                yield data
            if len(data) < n:
                return
            off += len(data)

    def body(self):
        """The body as pieces of bytes; at the hook body, the chunk that it is about."""
        off, end = 0, None
        if self.point == "body":
            off = int(self.get("body.offset"))
            end = off + int(self.get("body.length"))
        if self._call.HasField("body") and not self._touched:
            here = self._call.body
            if here.data:
                yield here.data
            off = here.offset + len(here.data)
            if here.end:
                return
        else:
            self._learned.flag("body")
        yield from self._pieces(pb.BODY_READ, off, end)

    def message(self):
        """The message, header included, as pieces of bytes."""
        return self._pieces(pb.MSG_READ, 0)

    # Edits: they need the capability "edit".

    def add_header(self, name, value, position=-1):
        self._edit(pb.HDR_ADD, position, p=name, q=value)

    def set_header(self, name, value):
        i = self._ask(pb.HDR_FIND, 0, p=name).number
        if i < 0:
            self.add_header(name, value)
        else:
            self._edit(pb.HDR_SET, i, p=value)

    def del_header(self, name):
        i = self._ask(pb.HDR_FIND, 0, p=name).number
        while i >= 0:
            self._edit(pb.HDR_DEL, i)
            i = self._ask(pb.HDR_FIND, i, p=name).number

    def replace_body(self, pieces):
        """Makes text (str, bytes, or an iterable of them) the body."""
        self._edit(pb.BODY_BEGIN)
        for piece in [pieces] if isinstance(pieces, (str, bytes)) else pieces:
            piece = _bytes(piece)
            for i in range(0, len(piece), _MAX_TEXT):
                self._ask(pb.BODY_WRITE, p=piece[i:i + _MAX_TEXT])
        self._edit(pb.BODY_END)

    def set_sender(self, address):
        self._edit(pb.ENV_FROM, p=address)

    def add_rcpt(self, address):
        self._edit(pb.RCPT_ADD, p=address)

    def del_rcpt(self, address):
        for i, a in reversed(list(enumerate(self.recipients()))):
            if a == address:
                self._edit(pb.RCPT_DEL, i)

    # Answers beyond the verdict.

    def set(self, name, value):
        self._ask(pb.SET, p=name, q=value)

    def status(self, i, code, enhanced, text):
        """At deliver: what became of recipient i."""
        self._ask(pb.RCPT_STATUS, i, code, p=enhanced, q=text)

    # Services.

    def count(self, name, delta=1):
        self._ops.append(pb.Op(function=pb.COUNTER, i=delta, p=_bytes(name)))

    def stash(self, key, value, scope=MESSAGE):
        self._ask(pb.STASH_SET, scope, p=key, q=value)

    def stashed(self, key, scope=MESSAGE):
        a = self._find(pb.STASH_GET, scope, p=key)
        return None if a is None else a.value

    def map(self, name, key):
        """The value of key in a table of the configuration, None when it has none; HostError when
        the table could not be asked, which is never "not found"."""
        a = self._find(pb.MAP_GET, p=name, q=key)
        return None if a is None else _str(a.value)

    def load(self, key):
        a = self._find(pb.KV_GET, p=key)
        return None if a is None else a.value

    def save(self, key, value, ttl=0):
        self._ask(pb.KV_SET, ttl, p=key, q=value)

    def increase(self, key, delta=1, ttl=0):
        return self._ask(pb.KV_INCR, delta, ttl, p=key).number

    def forget(self, key):
        self._ask(pb.KV_DEL, p=key)

    def dns(self, kind, name):
        a = self._find(pb.DNS, kind, p=name)
        return [] if a is None else _str(a.value).split("\n")

    def words(self, words, text=TEXT_DECODED, start=0):
        """The first word of a set in a text: (begin, end, word), or None."""
        return self._match(pb.WORDS, words, text, start)

    def regexp(self, pattern, text=TEXT_DECODED, start=0):
        return self._match(pb.REGEXP, pattern, text, start)

    def _match(self, function, what, text, start):
        a = self._find(function, text, start, p=what)
        return None if a is None else (a.number, a.end, _str(a.value))

    def hash(self, algorithm=SHA256, text=TEXT_MESSAGE):
        return _str(self._ask(pb.HASH, algorithm, text).value)

    def part(self, i, what):
        """Something about MIME part i (PART_TYPE, ...), None when there are fewer parts."""
        a = self._find(pb.MIME_PART, i, what)
        return None if a is None else _str(a.value)

    def part_content(self, i):
        """The decoded content of MIME part i, as pieces of bytes."""
        return self._pieces(pb.MIME_READ, 0, part=i)

    def now(self):
        """Seconds since 1970."""
        return self._call.realtime_nanos / 1e9 + (time.monotonic() - self._begun)

    _begun = 0.0


class _Learned:
    """What the hook of a point reads, which mtad sends along from then on."""

    def __init__(self, point):
        self._lock = threading.Lock()
        self._want, self._changed = pb.Want(point=point), False

    def property(self, name):
        with self._lock:
            w = self._want.properties
            if name not in w and len(w) < 64 and not name.startswith(("scan.", "mime.")):
                w.append(name)
                self._changed = True

    def flag(self, name):
        with self._lock:
            if not getattr(self._want, name):
                setattr(self._want, name, True)
                self._changed = True

    def news(self):
        with self._lock:
            changed, self._changed = self._changed, False
            return pb.Want.FromString(self._want.SerializeToString()) if changed else None


class _Lane:
    """One stream: hooks run on it one after the other, in a thread of its own."""

    def __init__(self, server, requests):
        self._server, self._requests, self._frames = server, requests, queue.SimpleQueue()

    def frames(self):
        threading.Thread(target=self._work, daemon=True).start()
        while True:
            frame = self._frames.get()
            if frame is None:
                return
            yield frame

    def _work(self):
        try:
            for m in self._requests:
                if m.WhichOneof("what") == "call":
                    self._frames.put(self._server.run(self, m.call))
        except (grpc.RpcError, HostError):
            pass  # mtad gave the lane up
        finally:
            self._frames.put(None)

    def ask(self, frame):
        self._frames.put(frame)
        for m in self._requests:
            return m.answer
        raise HostError(IO)


class _Server:
    def __init__(self, plugin, lanes, needs):
        self.plugin, self.lanes, self.needs = plugin, lanes, needs
        self.config, self.features = {}, set()
        self.learned = [_Learned(i) for i in range(len(POINTS))]

    def init(self, request, _context):
        self.config, self.features = dict(request.config), set(request.features)
        reply = pb.InitReply(lanes=self.lanes, needs=self.needs)
        for i, name in enumerate(POINTS):
            if callable(getattr(self.plugin, name, None)):
                reply.hooks |= 1 << i
        tx = InitTx(self)
        try:
            if callable(getattr(self.plugin, "init", None)):
                self.plugin.init(tx)
        except Exception as e:  # whatever it is: the plugin does not load
            traceback.print_exc()
            reply.refusal = "%s: %s" % (type(e).__name__, e)
        reply.ops.extend(tx._ops)
        return reply

    def run(self, lane, call):
        if call.point >= len(POINTS):
            return pb.ToHost(id=call.id, done=pb.Done())
        tx = Tx(self, lane, call)
        tx._begun = time.monotonic()
        done = pb.Done()
        try:
            verdict = getattr(self.plugin, tx.point)(tx) or CONTINUE
            if verdict.reply:
                code, enhanced, text = verdict.reply
                tx._ops.append(pb.Op(function=pb.REPLY, i=code, p=_bytes(enhanced), q=_bytes(text)))
            for name, value in verdict.answers.items():
                tx._ops.append(pb.Op(function=pb.SET, p=_bytes(name), q=_bytes(value)))
            done.action = verdict.action
        except Exception as e:  # a failure of this hook, and of nothing else
            traceback.print_exc()
            done.failure = "%s: %s" % (type(e).__name__, e)
        want = self.learned[call.point].news()
        if want:
            done.want.CopyFrom(want)
        return pb.ToHost(id=call.id, ops=tx._ops, done=done)


def serve(plugin, lanes=8, needs=()):
    """Serves the plugin until mtad ends the process. lanes is how many hooks run at a time; needs
    are the capabilities without which mtad shall refuse to load the plugin."""
    if os.environ.get("MTAD_PLUGIN") != "abi":
        sys.exit("This is a plugin of mtad: name it in process = [...] of a [[plugin]] in mtad.toml.")
    own, over = _Server(plugin, lanes, needs), threading.Event()
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=lanes + 4),
                         options=[("grpc.max_receive_message_length", 512 << 10)])
    plain = {"request_deserializer": bytes, "response_serializer": bytes}
    server.add_generic_rpc_handlers((
        grpc.method_handlers_generic_handler("mtad.plugin.v1.Plugin", {
            "Init": grpc.unary_unary_rpc_method_handler(
                own.init, pb.InitRequest.FromString, pb.InitReply.SerializeToString),
            "Lane": grpc.stream_stream_rpc_method_handler(
                lambda requests, _: _Lane(own, requests).frames(),
                pb.ToPlugin.FromString, pb.ToHost.SerializeToString)}),
        grpc.method_handlers_generic_handler("plugin.GRPCController", {
            "Shutdown": grpc.unary_unary_rpc_method_handler(
                lambda _request, _context: over.set() or b"", **plain)})))
    path = os.path.join(os.environ["PLUGIN_UNIX_SOCKET_DIR"], "socket")
    server.add_insecure_port("unix:" + path)
    server.start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    print("1|1|unix|%s|grpc|" % path, flush=True)
    over.wait()
    server.stop(1).wait()
    os._exit(0)
