/* The tour in C: what mtad.h has beyond the calls of the ABI. */
#include "mtad.h"

MTAD_PLUGIN

static char buf[1000] = "[x] ", text[100];

static int is(const char *s, mtad_i32 n, const char *with, mtad_size len) { return n == (mtad_i32)len && memcmp(s, with, len) == 0; }

/* about reads a property into text. */
static mtad_i32 about(const char *key, mtad_size len) { return mtad_get(key, len, text, sizeof text); }

MTAD_HOOK(connect) {
	mtad_i32 n = about(MTAD_STR("client.addr"));
	if (is(text, n, MTAD_STR("192.0.2.1"))) return mtad_hold(MTAD_STR("from a list"));
	if (is(text, n, MTAD_STR("192.0.2.2"))) return mtad_redirect(MTAD_STR("abuse@example.com"));
	if (is(text, n, MTAD_STR("192.0.2.3"))) return mtad_reject(MTAD_STR("5.7.0"), MTAD_STR("go away"));
	if (is(text, n, MTAD_STR("192.0.2.4"))) return mtad_tempfail(MTAD_STR("4.7.0"), MTAD_STR("later"));
	return MTAD_CONTINUE;
}

MTAD_HOOK(headers) {
	mtad_i32 n = mtad_hdr_get(mtad_hdr_find(MTAD_STR("Subject"), 0), MTAD_VALUE, text, sizeof text);
	if (is(text, n, MTAD_STR("virus"))) return mtad_quarantine(MTAD_STR("virus"));
	if (is(text, n, MTAD_STR("slow"))) return mtad_filter(MTAD_STR("relay:[192.0.2.7]"));
	return MTAD_CONTINUE;
}

static mtad_size decimal(char *to, mtad_i64 v) {
	char digits[20];
	mtad_size n = 0, len = 0;
	if (v < 0) to[len++] = '-', v = -v;
	do digits[n++] = (char)('0' + v % 10); while (v /= 10);
	while (n > 0) to[len++] = digits[--n];
	return len;
}

MTAD_HOOK(eom) {
	mtad_i32 i = mtad_hdr_find(MTAD_STR("Subject"), 0);
	mtad_i32 n = mtad_hdr_get(i, MTAD_VALUE, buf + 4, sizeof buf - 4);
	mtad_hdr_set(i, buf, (mtad_size)n + 4);
	mtad_hdr_add(MTAD_STR("X-New"), MTAD_STR("1"), -1);
	mtad_size at = decimal(text, mtad_hdr_get(mtad_hdr_find(MTAD_STR("X-Long"), 0), MTAD_VALUE, text, 0));
	text[at++] = ' ';
	at += decimal(text + at, mtad_config_int(MTAD_STR("n"), 7));
	text[at++] = ' ';
	at += decimal(text + at, mtad_config_int(MTAD_STR("bad"), 7));
	text[at++] = ' ';
	at += decimal(text + at, mtad_config_int(MTAD_STR("minus"), 7));
	mtad_log(MTAD_INFO, text, at);
	return MTAD_CONTINUE;
}

MTAD_HOOK(rewrite) { return mtad_found_addr(MTAD_STR("x@example.com")); }

MTAD_HOOK(route) {
	mtad_i32 n = about(MTAD_STR("rcpt.addr"));
	if (is(text, n, MTAD_STR("a@b"))) return mtad_found_route(MTAD_STR("lmtp"), MTAD_STR("unix:/run/x"));
	if (is(text, n, MTAD_STR("c@d"))) return mtad_found_route(MTAD_STR(""), MTAD_STR("[192.0.2.9]"));
	return mtad_found_route(MTAD_STR("relay"), MTAD_STR(""));
}

MTAD_HOOK(lookup) {
	mtad_i32 n = about(MTAD_STR("lookup.key"));
	memcpy(text + n, ".example", 8);
	return mtad_found_value(text, (mtad_size)n + 8);
}

MTAD_HOOK(event) {
	mtad_counter(MTAD_STR("events"), 1);
	mtad_log(MTAD_INFO, text, (mtad_size)about(MTAD_STR("event.kind")));
	return MTAD_CONTINUE;
}
