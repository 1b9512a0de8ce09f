/* The conformance plugin in C: CONFORMANCE.md says what it does. */
#include "mtad.h"

#define PROGRAM 8192
#define RESULT 4096

static char program[PROGRAM], line[PROGRAM], args[PROGRAM], result[RESULT], said[PROGRAM + RESULT + 64];

typedef struct { char *p; mtad_size n; } text;

/* The arguments of the command that is run: what is left of them. */
static char *rest, *end;

static int same(text a, const char *b) {
	mtad_size i = 0;
	while (i < a.n && b[i] && a.p[i] == b[i]) i++;
	return i == a.n && !b[i];
}

/* unescaped writes over itself: what is written is never longer. */
static text unescaped(text t) {
	char *to = t.p;
	if (same(t, "-")) t.n = 0;
	for (mtad_size i = 0; i < t.n; i++) {
		char c = t.p[i], next = i + 1 < t.n ? t.p[i + 1] : 'x';
		if (c == '\\' && (next == 'n' || next == 'r' || next == '0' || next == '\\')) {
			c = next == 'n' ? '\n' : next == 'r' ? '\r' : next == '0' ? 0 : '\\';
			i++;
		}
		*to++ = c;
	}
	return (text){t.p, (mtad_size)(to - t.p)};
}

static text word(void) {
	text w = {rest, 0};
	while (rest < end && *rest != ' ') rest++;
	w.n = (mtad_size)(rest - w.p);
	if (rest < end) rest++;
	return w;
}

static text arg(void) { return unescaped(word()); }
static text last(void) { return unescaped((text){rest, (mtad_size)(end - rest)}); }

static mtad_i64 number(void) {
	text w = arg();
	mtad_size i = w.n > 0 && w.p[0] == '-';
	mtad_i64 n = 0;
	for (; i < w.n && w.p[i] >= '0' && w.p[i] <= '9'; i++) n = n * 10 + (w.p[i] - '0');
	return w.n > 0 && w.p[0] == '-' ? -n : n;
}

static mtad_i32 integer(void) { return (mtad_i32)number(); }

static mtad_size size(void) {
	mtad_i64 n = number();
	return n < 0 ? 0 : n > RESULT ? RESULT : (mtad_size)n;
}

static mtad_size put(char *to, const char *from, mtad_size n) {
	memcpy(to, from, n);
	return n;
}

static mtad_size decimal(char *to, mtad_i64 v) {
	char digits[20];
	mtad_size n = 0, len = 0;
	unsigned long long u = v < 0 ? 0 - (unsigned long long)v : (unsigned long long)v;
	if (v < 0) to[len++] = '-';
	do digits[n++] = (char)('0' + u % 10); while (u /= 10);
	while (n > 0) to[len++] = digits[--n];
	return len;
}

/* What a command says: the line, ": " and the result. */
static mtad_size begin(text l) {
	mtad_size n = put(said, l.p, l.n);
	return n + put(said + n, ": ", 2);
}

static void bytes(text l, mtad_i32 n) {
	mtad_size at = begin(l);
	if (n > RESULT) __builtin_trap();
	at += n < 0 ? decimal(said + at, n) : put(said + at, result, (mtad_size)n);
	mtad_log(MTAD_INFO, said, at);
}

static void value(text l, mtad_i64 v) {
	mtad_size at = begin(l);
	mtad_log(MTAD_INFO, said, at + decimal(said + at, v));
}

static void done(text l, mtad_i32 v) {
	if (v < 0) value(l, v);
}

static void match(text l, mtad_i64 v) {
	if (v < 0) {
		value(l, v);
		return;
	}
	mtad_size at = begin(l);
	at += decimal(said + at, v);
	said[at++] = ' ';
	mtad_i32 n = mtad_get(MTAD_STR("scan.end"), said + at, 32);
	if (n > 0) at += (mtad_size)n;
	said[at++] = ' ';
	n = mtad_get(MTAD_STR("scan.match"), said + at, RESULT);
	if (n > 0) at += (mtad_size)n;
	mtad_log(MTAD_INFO, said, at);
}

static void randoms(text l, mtad_size n) {
	mtad_random(result, n);
	mtad_size i = 1;
	while (i < n && result[i] == result[0]) i++;
	bytes(l, (mtad_i32)(i < n ? put(result, "ok", 2) : put(result, "all the same", 12)));
}

#define T(t) (t).p, (t).n
#define OUT result, RESULT

static int base(text l, text name) {
	text k, v;
	mtad_i32 i, j;
	mtad_i64 off;
	if (same(name, "get")) k = last(), bytes(l, mtad_get(T(k), OUT));
	else if (same(name, "set")) k = arg(), v = last(), done(l, mtad_set(T(k), T(v)));
	else if (same(name, "hdr_count")) value(l, mtad_hdr_count());
	else if (same(name, "hdr_get")) i = integer(), j = integer(), bytes(l, mtad_hdr_get(i, j, OUT));
	else if (same(name, "hdr_find")) i = integer(), k = last(), value(l, mtad_hdr_find(T(k), i));
	else if (same(name, "rcpt_count")) value(l, mtad_rcpt_count());
	else if (same(name, "rcpt_get")) i = integer(), j = integer(), bytes(l, mtad_rcpt_get(i, j, OUT));
	else if (same(name, "body_size")) value(l, mtad_body_size());
	else if (same(name, "body_read")) off = number(), bytes(l, mtad_body_read(off, result, size()));
	else if (same(name, "msg_read")) off = number(), bytes(l, mtad_msg_read(off, result, size()));
	else if (same(name, "reply")) i = integer(), k = arg(), v = last(), done(l, mtad_reply(i, T(k), T(v)));
	else if (same(name, "config")) k = last(), bytes(l, mtad_config(T(k), OUT));
	else if (same(name, "now")) value(l, mtad_now(integer()));
	else if (same(name, "random")) randoms(l, size());
	else if (same(name, "stash_get")) i = integer(), k = last(), bytes(l, mtad_stash_get(i, T(k), OUT));
	else if (same(name, "stash_set")) i = integer(), k = arg(), v = last(), done(l, mtad_stash_set(i, T(k), T(v)));
	else if (same(name, "counter")) k = arg(), done(l, mtad_counter(T(k), number()));
	else if (same(name, "feature")) k = last(), value(l, mtad_feature(T(k)));
	else if (same(name, "trap")) __builtin_trap();
	else return 0;
	return 1;
}

static int edit(text l, text name) {
	text k, v;
	mtad_i32 i;
	if (same(name, "hdr_add")) i = integer(), k = arg(), v = last(), done(l, mtad_hdr_add(T(k), T(v), i));
	else if (same(name, "hdr_set")) i = integer(), v = last(), done(l, mtad_hdr_set(i, T(v)));
	else if (same(name, "hdr_del")) done(l, mtad_hdr_del(integer()));
	else if (same(name, "body_begin")) done(l, mtad_body_begin());
	else if (same(name, "body_write")) v = last(), done(l, mtad_body_write(T(v)));
	else if (same(name, "body_end")) done(l, mtad_body_end());
	else if (same(name, "env_from")) v = last(), done(l, mtad_env_from(T(v)));
	else if (same(name, "rcpt_add")) i = integer(), v = last(), done(l, mtad_rcpt_add(T(v), i));
	else if (same(name, "rcpt_del")) done(l, mtad_rcpt_del(integer()));
	else return 0;
	return 1;
}

static int service(text l, text name) {
	text k, v;
	mtad_i32 i, j;
	mtad_i64 n;
	if (same(name, "map_get")) k = arg(), v = last(), bytes(l, mtad_map_get(T(k), T(v), OUT));
	else if (same(name, "kv_get")) k = last(), bytes(l, mtad_kv_get(T(k), OUT));
	else if (same(name, "kv_set")) i = integer(), k = arg(), v = last(), done(l, mtad_kv_set(T(k), T(v), i));
	else if (same(name, "kv_incr")) i = integer(), n = number(), k = last(), value(l, mtad_kv_incr(T(k), n, i));
	else if (same(name, "kv_del")) k = last(), done(l, mtad_kv_del(T(k)));
	else if (same(name, "dns")) i = integer(), k = last(), bytes(l, mtad_dns(i, T(k), OUT));
	else if (same(name, "words")) i = integer(), n = number(), k = last(), match(l, mtad_words(T(k), i, n));
	else if (same(name, "regexp")) i = integer(), n = number(), k = last(), match(l, mtad_regexp(T(k), i, n));
	else if (same(name, "hash")) i = integer(), j = integer(), bytes(l, mtad_hash(i, j, OUT));
	else if (same(name, "mime_part")) i = integer(), j = integer(), bytes(l, mtad_mime_part(i, j, 0, OUT));
	else if (same(name, "mime_read")) i = integer(), n = number(), bytes(l, mtad_mime_part(i, MTAD_MIME_CONTENT, n, result, size()));
	else if (same(name, "rcpt_status")) i = integer(), j = integer(), k = arg(), v = last(), done(l, mtad_rcpt_status(i, j, T(k), T(v)));
	else return 0;
	return 1;
}

/* holds reports whether a "when" is true. */
static int holds(void) {
	if (rest == end) return 1;
	text k = arg(), v = last();
	mtad_i32 n = mtad_get(T(k), OUT);
	return n >= 0 && n <= RESULT && (mtad_size)n == v.n && memcmp(result, v.p, v.n) == 0;
}

static mtad_i32 run(const char *hook, mtad_size len) {
	mtad_i32 n = mtad_config(hook, len, program, PROGRAM), verdict = MTAD_CONTINUE;
	int on = 1;
	if (n > PROGRAM) __builtin_trap();
	for (mtad_i32 from = 0, to; from < n; from = to + 1) {
		for (to = from; to < n && program[to] != '\n'; to++) {}
		text l = {line, put(line, program + from, (mtad_size)(to - from))};
		if (l.n == 0) continue;
		rest = args, end = args + put(args, line, l.n);
		text name = word();
		if (same(name, "when")) on = holds();
		else if (!on) continue;
		else if (same(name, "return")) verdict = integer();
		else if (same(name, "log")) {
			mtad_i32 level = integer();
			text t = last();
			mtad_log(level, T(t));
		} else if (!base(l, name) && !edit(l, name) && !service(l, name))
			bytes(l, (mtad_i32)put(result, "unknown", 7));
	}
	return verdict;
}

MTAD_PLUGIN

MTAD_INIT { return run(MTAD_STR("init")); }
MTAD_HOOK(connect) { return run(MTAD_STR("connect")); }
MTAD_HOOK(helo) { return run(MTAD_STR("helo")); }
MTAD_HOOK(auth) { return run(MTAD_STR("auth")); }
MTAD_HOOK(mail) { return run(MTAD_STR("mail")); }
MTAD_HOOK(rcpt) { return run(MTAD_STR("rcpt")); }
MTAD_HOOK(data) { return run(MTAD_STR("data")); }
MTAD_HOOK(headers) { return run(MTAD_STR("headers")); }
MTAD_HOOK(body) { return run(MTAD_STR("body")); }
MTAD_HOOK(eom) { return run(MTAD_STR("eom")); }
MTAD_HOOK(abort) { return run(MTAD_STR("abort")); }
MTAD_HOOK(rewrite) { return run(MTAD_STR("rewrite")); }
MTAD_HOOK(route) { return run(MTAD_STR("route")); }
MTAD_HOOK(deliver) { return run(MTAD_STR("deliver")); }
MTAD_HOOK(lookup) { return run(MTAD_STR("lookup")); }
MTAD_HOOK(event) { return run(MTAD_STR("event")); }
