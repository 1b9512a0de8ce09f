/*
 * mtad.h - ABI 1 of mtad for plugins in C and C++ (mtad.hpp has C++'s own words for it).
 *
 * A plugin is a WebAssembly module that exports its memory, the marker mtad_abi_1 and the hooks it
 * wants; a function that it does not call is not imported. Strings are bytes with a length, not
 * NUL-terminated. A function that reads returns the full length of the value and writes at most
 * the size of the buffer; a size of 0 asks for the length. Negative results are errors.
 * docs/abi.md is the reference.
 *
 *   #include "mtad.h"
 *
 *   MTAD_PLUGIN
 *
 *   MTAD_HOOK(mail) {
 *           if (mtad_get(MTAD_STR("auth.user"), 0, 0) > 0) return MTAD_CONTINUE;
 *           return mtad_reject(MTAD_STR("5.7.1"), MTAD_STR("log in first"));
 *   }
 *
 *   clang --target=wasm32 -O2 -nostdlib -ffreestanding -Wl,--no-entry -o plugin.wasm plugin.c
 */
#ifndef MTAD_H
#define MTAD_H

typedef int mtad_i32;
typedef unsigned int mtad_size;
typedef long long mtad_i64;

#ifdef __cplusplus
#define MTAD_EXTERN extern "C"
#else
#define MTAD_EXTERN
#endif

/* MTAD_PLUGIN marks the module as a plugin of ABI 1: once, in one file. MTAD_HOOK(rcpt) { ... } is
 * a hook; it returns a verdict. MTAD_INIT { ... } is run once, at load, when only mtad_config,
 * mtad_log, mtad_now, mtad_random and mtad_feature work; other than 0 refuses to load, with the
 * text of mtad_reply. */
#define MTAD_PLUGIN MTAD_EXTERN MTAD_EXPORT(mtad_abi_1) void mtad_abi_1(void) {}
#define MTAD_HOOK(name) MTAD_EXTERN MTAD_EXPORT(mtad_##name) mtad_i32 mtad_##name(void)
#define MTAD_INIT MTAD_HOOK(init)

#define MTAD_EXPORT(name) __attribute__((export_name(#name), used))
#define MTAD_IMPORT(mod, name) __attribute__((import_module(#mod), import_name(#name)))

/* A string literal and its length, as the functions below take them. */
#define MTAD_STR(s) (s), (mtad_size)(sizeof(s) - 1)

#ifdef __cplusplus
extern "C" {
#endif

/* Verdicts. */
enum {
	MTAD_CONTINUE = 0,
	MTAD_ACCEPT = 1,
	MTAD_TEMPFAIL = 2,
	MTAD_REJECT = 3,
	MTAD_DISCARD = 4,
	MTAD_HOLD = 5,
	MTAD_QUARANTINE = 6,
	MTAD_REDIRECT = 7,
	MTAD_FILTER = 8,
	MTAD_FOUND = 9
};

/* Errors of host functions. */
enum {
	MTAD_ENOTFOUND = -1,
	MTAD_EDENIED = -2,
	MTAD_EINVALID = -3,
	MTAD_ELIMIT = -4,
	MTAD_ESTAGE = -5,
	MTAD_EAGAIN = -6,
	MTAD_EUNSUP = -7,
	MTAD_EIO = -8
};

/* Parts of a header field, parts of a recipient, scopes of a stash, levels of a log line. */
enum { MTAD_NAME = 0, MTAD_VALUE = 1, MTAD_RAW = 2 };
enum { MTAD_ADDR = 0, MTAD_ORIGINAL = 1, MTAD_PARAMS = 2 };
enum { MTAD_CONNECTION = 0, MTAD_MESSAGE = 1 };
enum { MTAD_DEBUG = 0, MTAD_INFO = 1, MTAD_WARN = 2, MTAD_ERROR = 3 };

/* Clocks of mtad_now: nanoseconds since 1970, and of a clock that never steps. */
enum { MTAD_REALTIME = 0, MTAD_MONOTONIC = 1 };

/* Always granted. */
MTAD_IMPORT(mtad1, get) mtad_i32 mtad_get(const char *key, mtad_size keylen, char *buf, mtad_size size);
MTAD_IMPORT(mtad1, set) mtad_i32 mtad_set(const char *key, mtad_size keylen, const char *value, mtad_size len);
MTAD_IMPORT(mtad1, hdr_count) mtad_i32 mtad_hdr_count(void);
MTAD_IMPORT(mtad1, hdr_get) mtad_i32 mtad_hdr_get(mtad_i32 i, mtad_i32 part, char *buf, mtad_size size);
MTAD_IMPORT(mtad1, hdr_find) mtad_i32 mtad_hdr_find(const char *name, mtad_size len, mtad_i32 from);
MTAD_IMPORT(mtad1, rcpt_count) mtad_i32 mtad_rcpt_count(void);
MTAD_IMPORT(mtad1, rcpt_get) mtad_i32 mtad_rcpt_get(mtad_i32 i, mtad_i32 part, char *buf, mtad_size size);
MTAD_IMPORT(mtad1, body_size) mtad_i64 mtad_body_size(void);
MTAD_IMPORT(mtad1, body_read) mtad_i32 mtad_body_read(mtad_i64 off, char *buf, mtad_size size);
MTAD_IMPORT(mtad1, msg_read) mtad_i32 mtad_msg_read(mtad_i64 off, char *buf, mtad_size size);
MTAD_IMPORT(mtad1, reply) mtad_i32 mtad_reply(mtad_i32 code, const char *enhanced, mtad_size elen, const char *text, mtad_size tlen);
MTAD_IMPORT(mtad1, config) mtad_i32 mtad_config(const char *key, mtad_size keylen, char *buf, mtad_size size);
MTAD_IMPORT(mtad1, log) void mtad_log(mtad_i32 level, const char *text, mtad_size len);
MTAD_IMPORT(mtad1, now) mtad_i64 mtad_now(mtad_i32 clock);
MTAD_IMPORT(mtad1, random) mtad_i32 mtad_random(char *buf, mtad_size size);
MTAD_IMPORT(mtad1, stash_get) mtad_i32 mtad_stash_get(mtad_i32 scope, const char *key, mtad_size keylen, char *buf, mtad_size size);
MTAD_IMPORT(mtad1, stash_set) mtad_i32 mtad_stash_set(mtad_i32 scope, const char *key, mtad_size keylen, const char *value, mtad_size len);
MTAD_IMPORT(mtad1, counter) mtad_i32 mtad_counter(const char *name, mtad_size len, mtad_i64 delta);
MTAD_IMPORT(mtad1, feature) mtad_i32 mtad_feature(const char *name, mtad_size len);

/* Need the capability "edit". Edits are applied when the hook returns. */
MTAD_IMPORT(mtad1_edit, hdr_add) mtad_i32 mtad_hdr_add(const char *name, mtad_size nlen, const char *value, mtad_size vlen, mtad_i32 pos);
MTAD_IMPORT(mtad1_edit, hdr_set) mtad_i32 mtad_hdr_set(mtad_i32 i, const char *value, mtad_size len);
MTAD_IMPORT(mtad1_edit, hdr_del) mtad_i32 mtad_hdr_del(mtad_i32 i);
MTAD_IMPORT(mtad1_edit, body_begin) mtad_i32 mtad_body_begin(void);
MTAD_IMPORT(mtad1_edit, body_write) mtad_i32 mtad_body_write(const char *p, mtad_size n);
MTAD_IMPORT(mtad1_edit, body_end) mtad_i32 mtad_body_end(void);
MTAD_IMPORT(mtad1_edit, env_from) mtad_i32 mtad_env_from(const char *address, mtad_size len);
MTAD_IMPORT(mtad1_edit, rcpt_add) mtad_i32 mtad_rcpt_add(const char *address, mtad_size len, mtad_i32 flags);
MTAD_IMPORT(mtad1_edit, rcpt_del) mtad_i32 mtad_rcpt_del(mtad_i32 i);

/* Need the capability "map": the tables that the plugin's configuration names. */
MTAD_IMPORT(mtad1_map, map_get) mtad_i32 mtad_map_get(const char *map, mtad_size mlen, const char *key, mtad_size klen, char *buf, mtad_size size);

/* Need the capability "kv": a durable store of the plugin's own. ttl in seconds, 0 for ever.
 * mtad_kv_incr returns the count, which is never negative, or an error. */
MTAD_IMPORT(mtad1_kv, kv_get) mtad_i32 mtad_kv_get(const char *key, mtad_size klen, char *buf, mtad_size size);
MTAD_IMPORT(mtad1_kv, kv_set) mtad_i32 mtad_kv_set(const char *key, mtad_size klen, const char *value, mtad_size len, mtad_i32 ttl);
MTAD_IMPORT(mtad1_kv, kv_incr) mtad_i64 mtad_kv_incr(const char *key, mtad_size klen, mtad_i64 delta, mtad_i32 ttl);
MTAD_IMPORT(mtad1_kv, kv_del) mtad_i32 mtad_kv_del(const char *key, mtad_size klen);

/* Needs the capability "dns": type is the DNS's number of the type; records come in presentation
 * form, separated by '\n'. */
enum { MTAD_DNS_A = 1, MTAD_DNS_NS = 2, MTAD_DNS_CNAME = 5, MTAD_DNS_PTR = 12, MTAD_DNS_MX = 15, MTAD_DNS_TXT = 16, MTAD_DNS_AAAA = 28, MTAD_DNS_SRV = 33, MTAD_DNS_TLSA = 52 };
MTAD_IMPORT(mtad1_dns, dns) mtad_i32 mtad_dns(mtad_i32 type, const char *name, mtad_size len, char *buf, mtad_size size);

/* Need the capability "scan". mtad_words and mtad_regexp return the offset of the first match from
 * offset from on, or an error; the properties scan.end and scan.match say the rest. */
enum { MTAD_TEXT_MESSAGE = 0, MTAD_TEXT_HEADER = 1, MTAD_TEXT_BODY = 2, MTAD_TEXT_DECODED = 3, MTAD_TEXT_PART = 16 };
enum { MTAD_MD5 = 0, MTAD_SHA1 = 1, MTAD_SHA256 = 2 };
enum { MTAD_MIME_CONTENT = 0, MTAD_MIME_TYPE = 1, MTAD_MIME_NAME = 2, MTAD_MIME_CHARSET = 3, MTAD_MIME_DISPOSITION = 4, MTAD_MIME_SIZE = 5 };
MTAD_IMPORT(mtad1_scan, words) mtad_i64 mtad_words(const char *set, mtad_size len, mtad_i32 text, mtad_i64 from);
MTAD_IMPORT(mtad1_scan, regexp) mtad_i64 mtad_regexp(const char *pattern, mtad_size len, mtad_i32 text, mtad_i64 from);
MTAD_IMPORT(mtad1_scan, hash) mtad_i32 mtad_hash(mtad_i32 alg, mtad_i32 text, char *buf, mtad_size size);
MTAD_IMPORT(mtad1_scan, mime_part) mtad_i32 mtad_mime_part(mtad_i32 i, mtad_i32 what, mtad_i64 off, char *buf, mtad_size size);

/* Needs the capability "deliver": what became of recipient i at a deliver hook. */
MTAD_IMPORT(mtad1_deliver, rcpt_status) mtad_i32 mtad_rcpt_status(mtad_i32 i, mtad_i32 code, const char *enhanced, mtad_size elen, const char *text, mtad_size tlen);

/* Verdicts with their words: "return mtad_reject(MTAD_STR("5.7.1"), MTAD_STR("not here"));". Of
 * hold, quarantine, redirect and filter the words are the reason, name, address and
 * transport:nexthop. Words that the host does not take (more than 1,000 bytes) make a tempfail. */
static inline mtad_i32 mtad_reject(const char *enhanced, mtad_size elen, const char *text, mtad_size tlen) {
	return mtad_reply(550, enhanced, elen, text, tlen) == 0 ? MTAD_REJECT : MTAD_TEMPFAIL;
}
static inline mtad_i32 mtad_tempfail(const char *enhanced, mtad_size elen, const char *text, mtad_size tlen) {
	mtad_reply(451, enhanced, elen, text, tlen);
	return MTAD_TEMPFAIL;
}
static inline mtad_i32 mtad_answer(mtad_i32 verdict, const char *key, mtad_size klen, const char *value, mtad_size len) {
	return mtad_set(key, klen, value, len) == 0 ? verdict : MTAD_TEMPFAIL;
}
static inline mtad_i32 mtad_hold(const char *reason, mtad_size len) { return mtad_answer(MTAD_HOLD, MTAD_STR("action.arg"), reason, len); }
static inline mtad_i32 mtad_quarantine(const char *name, mtad_size len) { return mtad_answer(MTAD_QUARANTINE, MTAD_STR("action.arg"), name, len); }
static inline mtad_i32 mtad_redirect(const char *address, mtad_size len) { return mtad_answer(MTAD_REDIRECT, MTAD_STR("action.arg"), address, len); }
static inline mtad_i32 mtad_filter(const char *way, mtad_size len) { return mtad_answer(MTAD_FILTER, MTAD_STR("action.arg"), way, len); }

/* Answers of rewrite, route and lookup hooks. A half of a route that is empty stays as it was. */
static inline mtad_i32 mtad_found_addr(const char *address, mtad_size len) { return mtad_answer(MTAD_FOUND, MTAD_STR("rewrite.result"), address, len); }
static inline mtad_i32 mtad_found_value(const char *value, mtad_size len) { return mtad_answer(MTAD_FOUND, MTAD_STR("lookup.value"), value, len); }
static inline mtad_i32 mtad_found_route(const char *transport, mtad_size tlen, const char *nexthop, mtad_size nlen) {
	if (tlen > 0 && mtad_set(MTAD_STR("route.transport"), transport, tlen) != 0) return MTAD_TEMPFAIL;
	if (nlen > 0 && mtad_set(MTAD_STR("route.nexthop"), nexthop, nlen) != 0) return MTAD_TEMPFAIL;
	return MTAD_FOUND;
}

/* A number of the configuration; otherwise also stands for what is no number. */
static inline mtad_i64 mtad_config_int(const char *key, mtad_size len, mtad_i64 otherwise) {
	char digits[20];
	mtad_i32 n = mtad_config(key, len, digits, sizeof digits), i = n > 0 && digits[0] == '-';
	mtad_i64 v = 0;
	if (n <= i || n > 18) return otherwise;
	for (mtad_i32 k = i; k < n; k++) {
		if (digits[k] < '0' || digits[k] > '9') return otherwise;
		v = v * 10 + (digits[k] - '0');
	}
	return i ? -v : v;
}

/* What a compiler may call where no C library is linked: copies of structures, for example. The
 * linker leaves out what is not used, and takes a library's own. */
#if defined(__wasm__) && !defined(__wasi__)
__attribute__((weak)) void *memcpy(void *to, const void *from, __SIZE_TYPE__ n) {
	for (__SIZE_TYPE__ i = 0; i < n; i++) ((char *)to)[i] = ((const char *)from)[i];
	return to;
}
__attribute__((weak)) void *memmove(void *to, const void *from, __SIZE_TYPE__ n) {
	if (to <= from) return memcpy(to, from, n);
	while (n-- > 0) ((char *)to)[n] = ((const char *)from)[n];
	return to;
}
__attribute__((weak)) void *memset(void *to, int c, __SIZE_TYPE__ n) {
	for (__SIZE_TYPE__ i = 0; i < n; i++) ((char *)to)[i] = (char)c;
	return to;
}
__attribute__((weak)) int memcmp(const void *a, const void *b, __SIZE_TYPE__ n) {
	for (__SIZE_TYPE__ i = 0; i < n; i++) {
		int d = ((const unsigned char *)a)[i] - ((const unsigned char *)b)[i];
		if (d != 0) return d;
	}
	return 0;
}
#endif

#ifdef __cplusplus
}
#endif

#endif
