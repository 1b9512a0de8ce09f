/* mailer: one guest with the hooks that are about addresses and queued mail, for tests of the whole
 * pipeline. Built with
 *   clang-14 --target=wasm32 -O2 -nostdlib -ffreestanding -I../../sdk/c -Wl,--no-entry -o mailer.wasm mailer.c
 */
#include "mtad.h"

static char a[1024], line[1024];
static mtad_size n;

MTAD_EXPORT(mtad_abi_1) void mtad_abi_1(void) {}

static int ends(const char *s, mtad_i32 len, const char *suffix, mtad_i32 slen) {
	if (len < slen) return 0;
	for (mtad_i32 i = 0; i < slen; i++)
		if (s[len - slen + i] != suffix[i]) return 0;
	return 1;
}

static void put(const char *s, mtad_i32 len) {
	for (mtad_i32 i = 0; i < len && n < sizeof line; i++) line[n++] = s[i];
}

static void put_property(const char *key, mtad_size klen) {
	mtad_i32 len = mtad_get(key, klen, a, sizeof a);
	put(" ", 1);
	if (len > 0) put(a, len < (mtad_i32)sizeof a ? len : (mtad_i32)sizeof a);
}

/* user+detail@domain is user@domain */
MTAD_EXPORT(mtad_rewrite) mtad_i32 rewrite(void) {
	mtad_i32 len = mtad_get(MTAD_STR("rewrite.addr"), a, sizeof a), plus = -1, at = -1;
	for (mtad_i32 i = 0; i < len; i++) {
		if (a[i] == '+' && plus < 0) plus = i;
		if (a[i] == '@') at = i;
	}
	if (plus <= 0 || at < plus) return MTAD_CONTINUE;
	n = 0;
	put(a, plus);
	put(a + at, len - at);
	return mtad_set(MTAD_STR("rewrite.result"), line, n) == 0 ? MTAD_FOUND : MTAD_TEMPFAIL;
}

/* mail for plugin.test is delivered by the plugin itself */
MTAD_EXPORT(mtad_route) mtad_i32 route(void) {
	mtad_i32 len = mtad_get(MTAD_STR("rcpt.addr"), a, sizeof a);
	if (!ends(a, len, MTAD_STR("@plugin.test"))) return MTAD_CONTINUE;
	mtad_set(MTAD_STR("route.transport"), MTAD_STR("mailer"));
	mtad_set(MTAD_STR("route.nexthop"), MTAD_STR("here"));
	return MTAD_FOUND;
}

MTAD_EXPORT(mtad_deliver) mtad_i32 deliver(void) {
	for (mtad_i32 i = 0; i < mtad_rcpt_count(); i++) {
		mtad_i32 len = mtad_rcpt_get(i, MTAD_ADDR, a, sizeof a);
		if (ends(a, len, MTAD_STR("nobody@plugin.test")))
			mtad_rcpt_status(i, 550, MTAD_STR("5.1.1"), MTAD_STR("nobody is nobody"));
		else
			mtad_rcpt_status(i, 250, MTAD_STR("2.0.0"), MTAD_STR("kept by the plugin"));
	}
	return MTAD_CONTINUE;
}

/* alias@any is real@plugin.test */
MTAD_EXPORT(mtad_lookup) mtad_i32 lookup(void) {
	mtad_i32 len = mtad_get(MTAD_STR("lookup.key"), a, sizeof a);
	if (len < 6 || !ends(a, 6, MTAD_STR("alias@"))) return MTAD_CONTINUE;
	return mtad_set(MTAD_STR("lookup.value"), MTAD_STR("real@plugin.test")) == 0 ? MTAD_FOUND : MTAD_TEMPFAIL;
}

MTAD_EXPORT(mtad_event) mtad_i32 event(void) {
	n = 0;
	put(MTAD_STR("event"));
	put_property(MTAD_STR("event.kind"));
	put_property(MTAD_STR("queue.id"));
	put_property(MTAD_STR("event.rcpt"));
	put_property(MTAD_STR("event.dsn"));
	mtad_log(MTAD_INFO, line, n);
	return MTAD_CONTINUE;
}

/* how much of the body came in chunks, and that it is all of it */
MTAD_EXPORT(mtad_body) mtad_i32 body(void) {
	static mtad_i64 sum;
	if (mtad_stash_get(MTAD_MESSAGE, MTAD_STR("sum"), (char *)&sum, sizeof sum) < 0) sum = 0;
	for (mtad_i32 len = mtad_get(MTAD_STR("body.length"), a, sizeof a), v = 0, i = 0; i < len; i++) {
		v = v * 10 + a[i] - '0';
		if (i == len - 1) sum += v;
	}
	mtad_stash_set(MTAD_MESSAGE, MTAD_STR("sum"), (char *)&sum, sizeof sum);
	return MTAD_CONTINUE;
}

MTAD_EXPORT(mtad_eom) mtad_i32 eom(void) {
	mtad_i64 sum = 0;
	mtad_stash_get(MTAD_MESSAGE, MTAD_STR("sum"), (char *)&sum, sizeof sum);
	if (sum == mtad_body_size()) mtad_log(MTAD_INFO, MTAD_STR("the whole body came in chunks"));
	return MTAD_CONTINUE;
}
