/* hostile: a guest that does at each hook something that a host must survive. Built with
 *   clang-14 --target=wasm32 -O1 -nostdlib -ffreestanding -I../../sdk/c -Wl,--no-entry -o hostile.wasm hostile.c
 */
#include "mtad.h"

static volatile int calls;
static char buf[64];

MTAD_EXPORT(mtad_abi_1) void mtad_abi_1(void) {}

MTAD_EXPORT(mtad_connect) mtad_i32 loop(void) { for (;;) calls++; }

MTAD_EXPORT(mtad_helo) mtad_i32 trap(void) { __builtin_trap(); }

/* grows memory until it is refused; says how far it came */
MTAD_EXPORT(mtad_mail) mtad_i32 grow(void) {
	int pages = 0;
	while (__builtin_wasm_memory_grow(0, 16) != (unsigned long)-1) pages += 16;
	return pages > 0 ? MTAD_CONTINUE : MTAD_TEMPFAIL;
}

static __attribute__((noinline)) int deep(volatile int *p) { int x = *p + 1; return deep(&x) + x; }
MTAD_EXPORT(mtad_rcpt) mtad_i32 recursion(void) { int x = calls; return deep(&x); }

/* every pointer is bad: each call must answer an error and none may trap */
MTAD_EXPORT(mtad_data) mtad_i32 pointers(void) {
	const char *far = (const char *)0xfffffff0u;
	char *out = (char *)0xfffffff0u;
	int bad = 0;
	bad += mtad_get(far, 100, buf, 64) == MTAD_EINVALID;
	bad += mtad_get("helo", 4, out, 100) == MTAD_EINVALID;
	bad += mtad_set(far, 0xffffffffu, far, 0xffffffffu) == MTAD_EINVALID;
	bad += mtad_hdr_find(far, 50, -7) == MTAD_EINVALID;
	bad += mtad_config(far, 50, buf, 64) == MTAD_EINVALID;
	bad += mtad_random(out, 100) == MTAD_EINVALID;
	bad += mtad_reply(550, far, 10, far, 10) == MTAD_EINVALID;
	bad += mtad_body_read(-1, out, 100) == MTAD_EINVALID;
	mtad_log(3, far, 0xffffffffu);
	return bad == 8 ? MTAD_CONTINUE : MTAD_REJECT;
}

MTAD_EXPORT(mtad_headers) mtad_i32 garbage(void) { return 0x7fff1234; }

/* answers how often it was called before, as it sees it */
MTAD_EXPORT(mtad_eom) mtad_i32 eom(void) { return calls++; }

/* a storm of host calls */
MTAD_EXPORT(mtad_abort) mtad_i32 storm(void) { for (;;) mtad_hdr_count(); }
