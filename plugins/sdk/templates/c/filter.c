/* filter: refuses messages that have a configured word in the Subject, and marks the others. */
#include "mtad.h"

static char word[64] = "lottery", subject[1000];
static mtad_i32 len = 7;

MTAD_PLUGIN

static char lower(char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; }

/* The configuration is read once, at load. */
MTAD_INIT {
	mtad_i32 n = mtad_config(MTAD_STR("word"), word, sizeof word);
	if (n != MTAD_ENOTFOUND) len = n;
	if (len <= 0 || len > (mtad_i32)sizeof word) {
		mtad_reply(0, 0, 0, MTAD_STR("word must have 1 to 64 letters"));
		return 1;
	}
	for (mtad_i32 i = 0; i < len; i++) word[i] = lower(word[i]);
	return 0;
}

static int has(mtad_i32 n) {
	for (mtad_i32 i = 0, k; i + len <= n; i++) {
		for (k = 0; k < len && lower(subject[i + k]) == word[k]; k++) {}
		if (k == len) return 1;
	}
	return 0;
}

/* eom is asked when the whole message has arrived. */
MTAD_HOOK(eom) {
	mtad_i32 i = mtad_hdr_find(MTAD_STR("Subject"), 0);
	mtad_i32 n = i < 0 ? 0 : mtad_hdr_get(i, MTAD_VALUE, subject, sizeof subject);
	if (has(n < (mtad_i32)sizeof subject ? n : (mtad_i32)sizeof subject))
		return mtad_reject(MTAD_STR("5.7.1"), MTAD_STR("messages about this are not taken here"));
	if (mtad_hdr_add(MTAD_STR("X-Checked"), MTAD_STR("yes"), -1) != 0)
		return mtad_tempfail(MTAD_STR("4.3.0"), MTAD_STR("cannot mark the message"));
	return MTAD_CONTINUE;
}
