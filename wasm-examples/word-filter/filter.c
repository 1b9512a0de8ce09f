/* word-filter: refuses messages that have one of the configured words in the Subject or in the
 * first 64 KiB of the body, in any case. */
#include "mtad.h"

#define MAXWORDS 1024
#define CHUNK 65536

static char words[MAXWORDS], text[CHUNK];
static mtad_i32 nwords;

MTAD_EXPORT(mtad_abi_1) void mtad_abi_1(void) {}

static char lower(char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; }

MTAD_EXPORT(mtad_init) mtad_i32 mtad_init(void) {
	nwords = mtad_config(MTAD_STR("words"), words, MAXWORDS);
	if (nwords <= 0 || nwords > MAXWORDS) {
		mtad_reply(0, 0, 0, MTAD_STR("set words = \"one two three\" in plugin.config, at most 1024 bytes"));
		return 1;
	}
	for (mtad_i32 i = 0; i < nwords; i++)
		words[i] = lower(words[i]);
	return 0;
}

/* has reports whether one of the words stands in text[0..n), which is in lower case. */
static int has(mtad_i32 n) {
	for (mtad_i32 w = 0; w < nwords;) {
		mtad_i32 end = w;
		while (end < nwords && words[end] != ' ') end++;
		mtad_i32 len = end - w;
		for (mtad_i32 i = 0; len > 0 && i + len <= n; i++) {
			mtad_i32 k = 0;
			while (k < len && text[i + k] == words[w + k]) k++;
			if (k == len) return 1;
		}
		w = end + 1;
	}
	return 0;
}

static int check(mtad_i32 n) {
	if (n > CHUNK) n = CHUNK;
	for (mtad_i32 i = 0; i < n; i++)
		text[i] = lower(text[i]);
	return has(n);
}

MTAD_EXPORT(mtad_eom) mtad_i32 mtad_eom(void) {
	mtad_i32 i = mtad_hdr_find(MTAD_STR("Subject"), 0);
	if ((i >= 0 && check(mtad_hdr_get(i, MTAD_VALUE, text, CHUNK))) || check(mtad_body_read(0, text, CHUNK))) {
		mtad_reply(550, MTAD_STR("5.7.1"), MTAD_STR("message has a word that this site does not take"));
		return MTAD_REJECT;
	}
	return MTAD_CONTINUE;
}
