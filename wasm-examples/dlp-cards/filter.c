/* dlp-cards: holds outbound messages that have payment card numbers in the Subject or in a text
 * part, decoded. A number is one that an issuer gives out (prefix and length) and whose check digit
 * is right (ISO/IEC 7812-1, "Luhn"), written in one piece or in groups. */
#include "mtad.h"

#define PIECE 16384
#define RUN 128      /* digits of one run that are looked at together */
#define GROUPS 64    /* groups of digits in it */
#define SEEN 256     /* different numbers that are counted */
#define CONF 4096    /* bytes of a list in the configuration */
#define ADDR 512
#define MAXPARTS 1000 /* what the host tells apart */

MTAD_PLUGIN

/* The configuration. */
static char senders[CONF], exempt[CONF], exempt_rcpt[CONF], ignore[CONF], types[CONF];
static mtad_i32 nsenders, nexempt, nexempt_rcpt, nignore, ntypes, threshold, action;

/* What reads along: a run is digits with at most one separator between two of them. */
static char digits[RUN];
static short starts[GROUPS + 1]; /* where groups begin in digits */
static mtad_i32 ndigits, ngroups, gap, poisoned, letter, tag, utf, html;
static unsigned char entity[8], nentity;

/* What a character is outside of a number: nothing, a letter, or the begin of what is looked at. */
enum { NOTHING = 0, LETTER = 1, BEGIN = 2 };
static unsigned char class[256];

static unsigned long long seen[SEEN];
static mtad_i32 nseen, where, first_part;
static char masked[24];
static mtad_i32 nmasked;
static char text[PIECE], address[ADDR];

static int is_digit(unsigned char c) { return c >= '0' && c <= '9'; }
static char lower(char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; }
static int is_letter(unsigned char c) { return (lower(c) >= 'a' && lower(c) <= 'z') || c == '_' || c >= 0x80; }
static int is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == ','; }

/* number reads a decimal number, -1 for anything else. */
static mtad_i32 number(const char *p, mtad_i32 n) {
	mtad_i32 v = 0;
	for (mtad_i32 i = 0; i < n; i++) {
		if (!is_digit(p[i]) || v > 100000) return -1;
		v = v * 10 + p[i] - '0';
	}
	return n > 0 ? v : -1;
}

/* list reads a list of words in lower case; its length, 0 when it is not set, -1 when it is too long. */
static mtad_i32 list(const char *key, mtad_size len, char *to) {
	mtad_i32 n = mtad_config(key, len, to, CONF);
	if (n == MTAD_ENOTFOUND) return 0;
	if (n < 0 || n > CONF) return -1;
	for (mtad_i32 i = 0; i < n; i++) to[i] = lower(to[i]);
	return n;
}

static int same(const char *a, const char *b, mtad_i32 n) {
	for (mtad_i32 i = 0; i < n; i++)
		if (a[i] != lower(b[i])) return 0;
	return 1;
}

/* The configuration is read once, at load. */
MTAD_INIT {
	char buf[16];
	for (int c = 0; c < 256; c++) class[c] = is_digit(c) || c == 0xC2 || c == 0xE2 ? BEGIN : is_letter(c) ? LETTER : NOTHING;
	mtad_i32 n = mtad_config(MTAD_STR("threshold"), buf, sizeof buf);
	threshold = n == MTAD_ENOTFOUND ? 1 : n < 0 || n > (mtad_i32)sizeof buf ? -1 : number(buf, n);
	n = mtad_config(MTAD_STR("action"), buf, sizeof buf);
	if (n == MTAD_ENOTFOUND || (n == 4 && same("hold", buf, 4))) action = MTAD_HOLD;
	else if (n == 6 && same("reject", buf, 6)) action = MTAD_REJECT;
	nsenders = list(MTAD_STR("senders"), senders);
	nexempt = list(MTAD_STR("exempt"), exempt);
	nexempt_rcpt = list(MTAD_STR("exempt_rcpt"), exempt_rcpt);
	nignore = list(MTAD_STR("ignore"), ignore);
	ntypes = list(MTAD_STR("types"), types);
	if (threshold >= 1 && threshold <= SEEN && action && nsenders >= 0 && nexempt >= 0 && nexempt_rcpt >= 0 && nignore >= 0 && ntypes >= 0)
		return 0;
	mtad_reply(0, 0, 0, MTAD_STR("threshold must be 1 to 256, action hold or reject, a list at most 4,096 bytes"));
	return 1;
}

/* issued reports whether an issuer gives out numbers with this prefix and length (13 to 19). */
static int issued(const char *d, mtad_i32 n) {
	mtad_i32 p = 0;
	for (mtad_i32 i = 0; i < 4; i++) p = p * 10 + d[i] - '0';
	mtad_i32 two = p / 100, three = p / 10;
	if (d[0] == '4') return n == 13 || n == 16 || n == 19;             /* Visa */
	if ((two >= 51 && two <= 55) || (p >= 2221 && p <= 2720)) return n == 16; /* Mastercard */
	if (two == 34 || two == 37) return n == 15;                        /* American Express */
	if (p == 6011 || two == 65 || (three >= 644 && three <= 649)) return n >= 16; /* Discover */
	if (two == 62 || (p >= 3528 && p <= 3589)) return n >= 16;         /* UnionPay, JCB */
	if ((three >= 300 && three <= 305) || two == 36 || two == 38 || two == 39) return n >= 14; /* Diners Club */
	return 0;
}

static int luhn(const char *d, mtad_i32 n) {
	mtad_i32 sum = 0;
	for (mtad_i32 i = n - 1, twice = 0; i >= 0; i--, twice = !twice) {
		mtad_i32 v = d[i] - '0';
		if (twice && (v *= 2) > 9) v -= 9;
		sum += v;
	}
	return sum % 10 == 0;
}

/* listed reports whether one of the words of a list is the n bytes at p. A word that begins with
 * "@" stands for all addresses of a domain. */
static int listed(const char *words, mtad_i32 len, const char *p, mtad_i32 n) {
	for (mtad_i32 w = 0, end; w < len; w = end + 1) {
		for (end = w; end < len && !is_space(words[end]); end++) {}
		mtad_i32 k = end - w;
		if (k == 0) continue;
		if (k == n && same(words + w, p, n)) return 1;
		if (words[w] == '@' && k < n && same(words + w, p + n - k, k)) return 1;
	}
	return 0;
}

static void take(const char *d, mtad_i32 n) {
	unsigned long long v = 0;
	for (mtad_i32 i = 0; i < n; i++) v = v * 10 + (d[i] - '0');
	for (mtad_i32 i = 0; i < nseen; i++)
		if (seen[i] == v) return;
	if (nseen == SEEN || listed(ignore, nignore, d, n)) return;
	if (nseen == 0) { /* the log gets no more of it than a receipt shows */
		for (nmasked = 0; nmasked < n; nmasked++)
			masked[nmasked] = nmasked < 6 || nmasked >= n - 4 ? d[nmasked] : '*';
		first_part = where;
	}
	seen[nseen++] = v;
}

/* judge looks at a run that has ended: at each sequence of whole groups in it. */
static void judge(void) {
	starts[ngroups] = ndigits;
	for (mtad_i32 from = 0; from < ngroups; from++) {
		for (mtad_i32 to = ngroups; to > from; to--) {
			mtad_i32 n = starts[to] - starts[from];
			const char *d = digits + starts[from];
			if (n < 13 || n > 19 || !issued(d, n) || !luhn(d, n)) continue;
			take(d, n);
			from = to - 1;
			break;
		}
	}
}

/* over ends a run; next is the character behind it. A number that hangs together with a letter is
 * the name of something else. */
static void over(int next_is_letter) {
	if (ndigits >= 13 && !poisoned) {
		if (next_is_letter && !gap && ngroups > 0) { /* the last group is part of a word */
			ndigits = starts[--ngroups];
		}
		judge();
	}
	ndigits = ngroups = gap = poisoned = 0;
}

static void digit(char c) {
	if (ndigits == 0 || gap) {
		if (ndigits == 0 && letter) poisoned = 1;
		if (ngroups == GROUPS || ndigits > RUN - 32) { /* go on with the latter half of a very long run */
			if (!poisoned) judge();
			mtad_i32 keep = ngroups / 2, off = starts[keep];
			for (mtad_i32 i = off; i < ndigits; i++) digits[i - off] = digits[i];
			for (mtad_i32 g = keep; g < ngroups; g++) starts[g - keep] = starts[g] - off;
			ndigits -= off;
			ngroups -= keep;
		}
		starts[ngroups++] = ndigits;
	}
	if (ndigits - starts[ngroups - 1] > 19) { /* no card has so many in one group: it is no part of one */
		ndigits = starts[--ngroups];
		if (!poisoned) judge();
		ndigits = starts[0] = 0;
		ngroups = poisoned = 1;
	}
	digits[ndigits++] = c;
	gap = letter = 0;
}

/* separator is a space, dash or dot between two groups; two of them end the run. A group that hung
 * together with a letter is left behind. */
static void separator(void) {
	letter = 0;
	if (ndigits == 0) return;
	if (gap) {
		over(0);
		return;
	}
	if (poisoned) ndigits = ngroups = poisoned = 0;
	else gap = 1;
}

static void other(unsigned char c) {
	int l = is_letter(c);
	if (ndigits) over(l);
	letter = l;
}

/* plain takes a character of text. A no-break space and the dashes of U+2010 to U+2015 separate
 * as their ASCII cousins do. */
static void plain(unsigned char c) {
	if (utf) {
		if (utf == 1 && c == 0xA0) { utf = 0; separator(); return; }
		if (utf == 2 && c == 0x80) { utf = 3; return; }
		if (utf == 3 && ((c >= 0x90 && c <= 0x95) || (c >= 0x80 && c <= 0x8A) || c == 0xAF)) { utf = 0; separator(); return; }
		utf = 0;
		other(0x80);
	}
	if (is_digit(c)) digit(c);
	else if (c == ' ' || c == '-' || c == '.' || c == '\t' || c == '\n') separator();
	else if (c == '\r') return;
	else if (c == 0xC2) utf = 1;
	else if (c == 0xE2) utf = 2;
	else other(c);
}

static int entity_is(const char *name, mtad_i32 n) {
	if (nentity != n) return 0;
	for (mtad_i32 i = 0; i < n; i++)
		if (entity[i] != (unsigned char)name[i]) return 0;
	return 1;
}

/* markup takes a character of HTML: tags are not there, &nbsp; and its numbers are a space. */
static void markup(unsigned char c) {
	if (tag) {
		if (c == '>') tag = 0;
		return;
	}
	if (nentity) {
		if (c == ';') {
			if (entity_is("&nbsp", 5) || entity_is("&#160", 5) || entity_is("&#xa0", 5) || entity_is("&#32", 4) || entity_is("&#45", 4)) separator();
			else other(';');
			nentity = 0;
			return;
		}
		if (nentity < sizeof entity && (is_digit(c) || c == '#' || (is_letter(c) && c < 0x80))) {
			entity[nentity++] = lower(c);
			return;
		}
		nentity = 0;
		other('&');
	}
	if (c == '<') tag = 1;
	else if (c == '&') entity[nentity++] = c;
	else plain(c);
}

static void feed(const char *p, mtad_i32 n) {
	if (html) {
		for (mtad_i32 i = 0; i < n; i++) markup(p[i]);
		return;
	}
	for (mtad_i32 i = 0; i < n; plain(p[i++])) {
		if (ndigits || utf) continue;
		/* outside of numbers it only matters what stands in front of the next digit */
		unsigned char l = letter, k = 0;
		while (i < n && (k = class[(unsigned char)p[i]]) <= LETTER) {
			l = k;
			i++;
		}
		letter = l;
		if (i == n) return;
	}
}

static void begin(mtad_i32 part) {
	ndigits = ngroups = gap = poisoned = letter = tag = utf = html = 0;
	nentity = 0;
	where = part;
}

static void end(void) {
	if (utf) other(0x80);
	over(0);
}

/* wanted reports whether a part of this type is read. */
static int wanted(const char *type, mtad_i32 n) {
	if (n >= 5 && same("text/", type, 5)) return 1;
	for (mtad_i32 w = 0, stop; w < ntypes; w = stop + 1) {
		for (stop = w; stop < ntypes && !is_space(types[stop]); stop++) {}
		if (stop > w && stop - w <= n && same(types + w, type, stop - w)) return 1;
	}
	return 0;
}

static mtad_i32 count;

/* parts reads the text parts; a negative number is an error of the host. */
static mtad_i32 parts(void) {
	char type[100];
	mtad_i32 n;
	for (count = 0; (n = mtad_mime_part(count, MTAD_MIME_TYPE, 0, type, sizeof type)) >= 0; count++) {
		if (n > (mtad_i32)sizeof type) n = sizeof type;
		if (!wanted(type, n)) continue;
		begin(count + 1);
		html = n >= 9 && same("text/html", type, 9);
		mtad_i32 got;
		for (mtad_i64 off = 0; (got = mtad_mime_part(count, MTAD_MIME_CONTENT, off, text, PIECE)) > 0; off += got) feed(text, got);
		if (got < 0) return got;
		end();
	}
	return n == MTAD_ENOTFOUND ? 0 : n;
}

static void subject(void) {
	mtad_i32 i = mtad_hdr_find(MTAD_STR("Subject"), 0);
	if (i < 0) return;
	mtad_i32 n = mtad_hdr_get(i, MTAD_VALUE, text, PIECE);
	begin(0);
	if (n > 0) feed(text, n < PIECE ? n : PIECE);
	end();
}

/* sender_in reports whether the envelope sender is in a list. */
static int sender_in(const char *words, mtad_i32 len) {
	mtad_i32 n = mtad_get(MTAD_STR("mail.from"), address, ADDR);
	return n > 0 && n <= ADDR && listed(words, len, address, n);
}

/* outbound: mail of our own users, and of what senders says. */
static int outbound(void) {
	char kind[16];
	if (mtad_get(MTAD_STR("auth.user"), 0, 0) > 0) return 1;
	mtad_i32 n = mtad_get(MTAD_STR("origin.kind"), kind, sizeof kind);
	if (n == 8 && same("sendmail", kind, 8)) return 1;
	return sender_in(senders, nsenders);
}

/* excused: the sender may, or all recipients may be sent it. */
static int excused(void) {
	if (sender_in(exempt, nexempt)) return 1;
	mtad_i32 rcpts = mtad_rcpt_count();
	for (mtad_i32 i = 0; i < rcpts; i++) {
		mtad_i32 n = mtad_rcpt_get(i, MTAD_ADDR, address, ADDR);
		if (n <= 0 || n > ADDR || !listed(exempt_rcpt, nexempt_rcpt, address, n)) return 0;
	}
	return rcpts > 0;
}

static mtad_i32 put(char *to, mtad_i32 at, const char *p, mtad_i32 n) {
	for (mtad_i32 i = 0; i < n; i++) to[at + i] = p[i];
	return at + n;
}

static mtad_i32 put_number(char *to, mtad_i32 at, mtad_i32 v) {
	char d[12];
	mtad_i32 n = 0;
	do d[n++] = '0' + v % 10; while ((v /= 10) > 0);
	while (n > 0) to[at++] = d[--n];
	return at;
}

static mtad_i32 found(void) {
	static char why[200];
	mtad_counter(MTAD_STR("held"), 1);
	mtad_i32 n = put_number(why, 0, nseen);
	n = nseen == 1 ? put(why, n, MTAD_STR(" card number, ")) : put(why, n, MTAD_STR(" card numbers, first "));
	n = put(why, n, masked, nmasked);
	if (first_part == 0) n = put(why, n, MTAD_STR(" in the Subject"));
	else n = put_number(why, put(why, n, MTAD_STR(" in part ")), first_part);
	if (action == MTAD_HOLD) return mtad_hold(why, n);
	mtad_log(MTAD_INFO, why, n);
	return mtad_reject(MTAD_STR("5.7.1"), MTAD_STR("message has payment card numbers, which must not be sent by mail"));
}

/* eom is asked when the whole message has arrived. */
MTAD_HOOK(eom) {
	if (!outbound() || excused()) return MTAD_CONTINUE;
	subject();
	mtad_i32 e = parts();
	if (nseen >= threshold) return found();
	if (e < 0) return mtad_tempfail(MTAD_STR("4.3.0"), MTAD_STR("the message cannot be looked at now"));
	if (count >= MAXPARTS) return mtad_hold(MTAD_STR("more MIME parts than can be looked at"));
	return MTAD_CONTINUE;
}
