/* abuse: a guest that does what its configuration says (do = "loop"), at whichever hook it is called;
 * with rcpt = "user@domain" only to messages whose first recipient that is. Each does something that a host must survive. Built with
 *   clang-14 --target=wasm32 -O1 -mbulk-memory -nostdlib -ffreestanding -I../../../sdk/c -Wl,--no-entry -o abuse.wasm abuse.c
 */
#include "mtad.h"

#define WASI(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name)))
WASI(fd_write) int fd_write(int fd, const void *vectors, int n, int *written);
WASI(fd_renumber) int fd_renumber(int from, int to);
WASI(random_get) int random_get(void *p, int n);
WASI(poll_oneoff) int poll_oneoff(const void *in, void *out, int n, int *events);
WASI(proc_exit) void proc_exit(int code);

static volatile int sink;
static char action[32], only[64], first[64];
static char big[64 << 10];
static const char lines[] = "x\r\nX-Injected: yes\r\n\r\ninjected body\r\n.\r\nQUIT\r\n";

MTAD_EXPORT(mtad_abi_1) void mtad_abi_1(void) {}

MTAD_EXPORT(mtad_init) mtad_i32 mtad_init(void) {
	mtad_config(MTAD_STR("do"), action, sizeof action - 1);
	mtad_config(MTAD_STR("rcpt"), only, sizeof only - 1);
	return 0;
}

static int is(const char *name) {
	const char *a = action;
	while (*a && *a == *name) a++, name++;
	return *a == *name;
}

static __attribute__((noinline)) int deep(int n) { return deep(n + 1) ^ sink; }

/* wide recursion: few levels at a time, without end in time */
static __attribute__((noinline)) int tree(int n) { return n == 0 ? sink++ : tree(n - 1) + tree(n - 1); }

/* frames of 32 KiB on the guest's own stack, which runs below its data */
static __attribute__((noinline)) int frames(int n) {
	volatile char frame[32 << 10];
	frame[0] = n;
	return n == 0 ? 0 : frames(n - 1) + frame[0];
}

static unsigned long all(void) { return __builtin_wasm_memory_size(0) << 16; }

/* takes all the memory there is and touches each page */
static void bomb(void) {
	while (__builtin_wasm_memory_grow(0, 16) != (unsigned long)-1) {}
	for (unsigned long p = 65536; p < all(); p += 4096) *(volatile char *)p = 1;
}

static void name_of(unsigned n, char *p) {
	for (int i = 0; i < 8; i++, n >>= 4) p[i] = "abcdefghijklmnop"[n & 15];
}

static mtad_i32 resources(void) {
	if (is("loop")) for (;;) sink++;
	if (is("recursion")) return deep(0);
	if (is("tree")) return tree(1 << 20);
	if (is("frames")) return frames(1 << 20);
	if (is("bomb")) { bomb(); return MTAD_CONTINUE; }
	if (is("fill")) { bomb(); for (;;) __builtin_memset((void *)65536, sink++, all() - 65536); }
	if (is("copy")) { bomb(); for (;;) __builtin_memmove((void *)65536, (void *)131072, all() - 131072); }
	if (is("grow")) for (;;) __builtin_wasm_memory_grow(0, 0);
	if (is("trap")) __builtin_trap();
	if (is("divide")) return 100 / sink;
	if (is("beyond")) return *(volatile char *)0xfffffff0u;
	if (is("exit")) proc_exit(0);
	return 100;
}

static mtad_i32 storms(void) {
	unsigned n = 0;
	if (is("calls")) for (;;) mtad_hdr_count();
	if (is("reads")) for (;;) mtad_msg_read(0, big, sizeof big);
	if (is("random")) { bomb(); for (;;) mtad_random((char *)65536, all() - 65536); }
	if (is("log")) { for (int i = 0; i < 16384; i++) mtad_log(MTAD_INFO, big, sizeof big); return MTAD_CONTINUE; }
	if (is("edits")) { while (mtad_hdr_add(MTAD_STR("X-Storm"), big, 900, -1) == 0) {} return MTAD_CONTINUE; }
	if (is("recipients")) { while (mtad_rcpt_add(MTAD_STR("storm@storm.example"), 0) == 0) {} return MTAD_TEMPFAIL; }
	if (is("body")) { if (mtad_body_begin() == 0) while (mtad_body_write(big, sizeof big) == 0) {} return MTAD_CONTINUE; }
	if (is("stash")) for (;; n++) { name_of(n, big); mtad_stash_set(MTAD_CONNECTION, big, 8, big, 4096); mtad_stash_set(MTAD_MESSAGE, big, 8, big, 4096); }
	if (is("counters")) for (;; n++) { mtad_random((char *)&n, 4); name_of(n, big); mtad_counter(big, 8, 1); }
	if (is("store")) for (;; n++) { name_of(n, big); if (mtad_kv_set(big, 8, big, 50000, 0) != 0) return MTAD_CONTINUE; }
	if (is("patterns")) for (;; n++) { name_of(n, big); mtad_regexp(big, 8, MTAD_TEXT_MESSAGE, 0); }
	if (is("words")) for (;; n++) { name_of(n, big); big[8] = '\n'; mtad_words(big, 9, MTAD_TEXT_MESSAGE, 0); }
	return 100;
}

/* what WASI serves, used as badly as it can be */
static mtad_i32 wasi(void) {
	struct { const char *p; int n; } *v = (void *)big;
	if (is("print")) {
		bomb();
		__builtin_memset((void *)(2 << 20), '\n', all() - (2 << 20));
		for (;;) {
			for (int i = 0; i < 1024; i++) v[i].p = (char *)(2 << 20), v[i].n = all() - (2 << 20);
			fd_write(1, v, 1024, (int *)&sink);
		}
	}
	if (is("vectors")) { bomb(); fd_write(1, (void *)65536, (all() - 65536) / 8, (int *)&sink); return MTAD_CONTINUE; }
	if (is("renumber")) { fd_renumber(1, 0x7fffffff); return MTAD_CONTINUE; }
	if (is("randoms")) { bomb(); for (;;) random_get((void *)65536, all() - 65536); }
	if (is("polls")) for (;;) poll_oneoff(big, big + (32 << 10), 600, (int *)&sink);
	if (is("sleep")) {
		__builtin_memset(big, 0, 48);
		*(long long *)(big + 24) = 3600ll * 1000 * 1000 * 1000;
		for (;;) poll_oneoff(big, big + 48, 1, (int *)&sink);
	}
	return 100;
}

/* Line ends wherever text becomes part of a header, a reply, an address, a log line. */
static mtad_i32 inject(void) {
	mtad_log(MTAD_WARN, MTAD_STR(lines));
	mtad_set(MTAD_STR("action.arg"), MTAD_STR(lines));
	mtad_set(MTAD_STR("rewrite.result"), MTAD_STR(lines));
	mtad_set(MTAD_STR("route.transport"), MTAD_STR(lines));
	mtad_set(MTAD_STR("route.nexthop"), MTAD_STR(lines));
	mtad_set(MTAD_STR("lookup.value"), MTAD_STR(lines));
	mtad_hdr_add(MTAD_STR("X-Added"), MTAD_STR(lines), -1);
	mtad_hdr_add(MTAD_STR("X-A: b\r\nX-Injected"), MTAD_STR("yes"), 0);
	mtad_hdr_add(MTAD_STR("X-Bare"), MTAD_STR("a\nX-Injected: yes\rX-Injected: yes"), 0);
	mtad_hdr_set(0, MTAD_STR(lines));
	mtad_env_from(MTAD_STR("a@b.example> X\r\nRCPT TO:<victim@example.com"));
	mtad_env_from(MTAD_STR(lines));
	mtad_rcpt_add(MTAD_STR("a@b.example>\r\nRCPT TO:<victim@example.com"), 0);
	mtad_rcpt_add(MTAD_STR("\"a\r\nDATA\r\n\"@b.example"), 0);
	mtad_counter(MTAD_STR("a 1\nmtad_injected"), 1);
	mtad_reply(550, MTAD_STR("5.7.1\r\n250"), MTAD_STR(lines));
	mtad_reply(0, 0, 0, MTAD_STR(lines));
	return MTAD_CONTINUE;
}

static mtad_i32 answers(void) {
	if (is("inject")) return inject();
	if (is("inject-reply")) return inject(), MTAD_REJECT;
	if (is("inject-hold")) return inject(), MTAD_HOLD;
	if (is("inject-redirect")) return inject(), MTAD_REDIRECT;
	if (is("inject-found")) return inject(), MTAD_FOUND;
	if (is("reply")) { mtad_reply(550, MTAD_STR("5.7.1"), big, sizeof big); return MTAD_REJECT; }
	if (is("class")) { mtad_reply(250, MTAD_STR("2.0.0"), MTAD_STR("fine")); return MTAD_REJECT; }
	if (is("nothing")) return MTAD_CONTINUE;
	if (is("negative")) return -1;
	if (is("large")) return 0x7fffffff;
	if (is("unfinished")) { mtad_body_begin(); mtad_body_write(big, 100); return MTAD_CONTINUE; }
	return 101;
}

/* concerned says whether the message is one to be hostile to. */
static int concerned(void) {
	mtad_i32 n = mtad_rcpt_get(0, MTAD_ADDR, first, sizeof first - 1);
	for (mtad_i32 i = 0; only[i]; i++)
		if (i >= n || only[i] != first[i]) return 0;
	return 1;
}

static mtad_i32 act(void) {
	if (!concerned()) return MTAD_CONTINUE;
	mtad_i32 v = resources();
	if (v == 100) v = storms();
	if (v == 100) v = wasi();
	return v == 100 ? answers() : v;
}

#define HOOK(name) MTAD_EXPORT(mtad_##name) mtad_i32 on_##name(void) { return act(); }
HOOK(connect) HOOK(mail) HOOK(rcpt) HOOK(headers) HOOK(eom) HOOK(abort) HOOK(rewrite) HOOK(route) HOOK(lookup) HOOK(event)
