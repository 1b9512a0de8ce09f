/* services: a guest that calls every function beyond mtad1 and checks what it is answered; the
 * host of the test knows what to answer. A hook returns 0, or, as a verdict that no point knows,
 * 100 + the number of the first check that failed. Built with
 *   clang-14 --target=wasm32 -O2 -nostdlib -ffreestanding -I../../sdk/c -Wl,--no-entry -o services.wasm services.c
 */
#include "mtad.h"

static char buf[64];

static int is(mtad_i32 n, const char *want, mtad_i32 len) {
	if (n != len) return 0;
	for (mtad_i32 i = 0; i < len; i++)
		if (buf[i] != want[i]) return 0;
	return 1;
}

#define CHECK(n, ok) do { if (!(ok)) return 100 + (n); } while (0)

MTAD_EXPORT(mtad_abi_1) void mtad_abi_1(void) {}

MTAD_EXPORT(mtad_eom) mtad_i32 eom(void) {
	const char *far = (const char *)0xfffffff0u;
	CHECK(1, is(mtad_map_get(MTAD_STR("table"), MTAD_STR("key"), buf, 64), "table/key", 9));
	CHECK(2, mtad_map_get(MTAD_STR("table"), MTAD_STR("none"), buf, 64) == MTAD_ENOTFOUND);
	CHECK(3, mtad_map_get(far, 99, MTAD_STR("key"), buf, 64) == MTAD_EINVALID);
	CHECK(4, mtad_kv_set(MTAD_STR("k"), MTAD_STR("value"), 60) == 0);
	CHECK(5, is(mtad_kv_get(MTAD_STR("k"), buf, 64), "value", 5));
	CHECK(6, mtad_kv_get(MTAD_STR("k"), buf, 0) == 5);
	CHECK(7, mtad_kv_incr(MTAD_STR("n"), 0x100000001ll, 0) == 0x100000001ll);
	CHECK(8, mtad_kv_incr(MTAD_STR("k"), 1, 0) == MTAD_EINVALID);
	CHECK(9, mtad_kv_incr(MTAD_STR("n"), -1, 0) == 0x100000000ll);
	CHECK(10, mtad_kv_del(MTAD_STR("k")) == 0 && mtad_kv_get(MTAD_STR("k"), buf, 64) == MTAD_ENOTFOUND);
	CHECK(11, mtad_kv_set(MTAD_STR("k"), far, 99, 0) == MTAD_EINVALID);
	CHECK(12, is(mtad_dns(15, MTAD_STR("example"), buf, 64), "15 example", 10));
	CHECK(13, mtad_dns(70000, MTAD_STR("example"), buf, 64) == MTAD_EINVALID);
	CHECK(14, mtad_words(MTAD_STR("set"), MTAD_TEXT_BODY, 0x200000000ll) == 0x200000005ll);
	CHECK(15, mtad_words(MTAD_STR("none"), MTAD_TEXT_BODY, 0) == MTAD_ENOTFOUND);
	CHECK(16, mtad_regexp(MTAD_STR("a+"), MTAD_TEXT_PART + 3, 7) == 12);
	CHECK(17, is(mtad_hash(MTAD_SHA256, MTAD_TEXT_MESSAGE, buf, 64), "2:0", 3));
	CHECK(18, is(mtad_mime_part(2, MTAD_MIME_NAME, 0, buf, 64), "part 2.2", 8));
	CHECK(19, is(mtad_mime_part(2, MTAD_MIME_CONTENT, 5, buf, 3), "567", 3));
	CHECK(20, mtad_mime_part(2, MTAD_MIME_CONTENT, 0, (char *)far, 99) == MTAD_EINVALID);
	CHECK(21, mtad_rcpt_status(1, 550, MTAD_STR("5.1.1"), MTAD_STR("unknown")) == 0);
	return MTAD_CONTINUE;
}

/* Every hook is called by its own name. */
#define HOOK(name, n) MTAD_EXPORT(mtad_##name) mtad_i32 name(void) { return n; }
HOOK(connect, 0) HOOK(helo, 1) HOOK(auth, 2) HOOK(mail, 3) HOOK(rcpt, 4) HOOK(data, 5) HOOK(headers, 6) HOOK(body, 7)
HOOK(abort, 9) HOOK(rewrite, 10) HOOK(route, 11) HOOK(deliver, 12) HOOK(lookup, 13) HOOK(event, 14)
