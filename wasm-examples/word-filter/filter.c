/* word-filter: refuses messages that have one of the configured words in the Subject or the body,
 * in any case. It looks at each place once: only where the first two letters of a word stand are
 * words compared, so that their number hardly matters. */
#include "mtad.h"

#define LIST 8192   /* bytes of all words */
#define WORDS 1000  /* how many */
#define LONGEST 64  /* bytes of a word */
#define PIECE 8192  /* bytes of the body that are read at a time */
#define SLOTS 4096  /* of the table of first letters, a power of two */

static char list[LIST + 1], text[LONGEST + PIECE];
static unsigned char folded[256];
/* first has, by the first two letters, 1 + the number of a word; next the word after it that begins
 * with the same ones, 0 for none. begins is where words begin in list. */
static short first[SLOTS], next[WORDS], begins[WORDS + 1];
static mtad_i32 nwords;

MTAD_PLUGIN

static unsigned slot(unsigned char a, unsigned char b) { return (a * 33u + b) & (SLOTS - 1); }

static int add(mtad_i32 begin, mtad_i32 end) {
	if (end - begin < 2 || end - begin > LONGEST || nwords == WORDS) return 0;
	short *s = &first[slot(list[begin], list[begin + 1])];
	next[nwords] = *s;
	begins[nwords++] = begin;
	*s = nwords;
	return 1;
}

/* The words are read once, at load. */
MTAD_INIT {
	for (int c = 0; c < 256; c++) folded[c] = c >= 'A' && c <= 'Z' ? c + 32 : c;
	mtad_i32 n = mtad_config(MTAD_STR("words"), list, LIST), begin = 0, good = n > 0 && n <= LIST;
	for (mtad_i32 i = 0; good && i <= n; i++) {
		unsigned char c = i < n ? list[i] : ' ';
		list[i] = c == '\n' || c == '\t' ? ' ' : folded[c];
		if (list[i] != ' ') continue;
		good = i == begin || add(begin, i);
		begin = i + 1;
	}
	if (good && nwords > 0) return 0;
	mtad_reply(0, 0, 0, MTAD_STR("set words = \"one two three\" in [plugin.config]: at most 1,000 words of 2 to 64 bytes, 8,192 bytes in all"));
	return 1;
}

/* stands reports whether word w, or one after it in its slot, begins at p, of which n bytes are there. */
static int stands(mtad_i32 w, const char *p, mtad_i32 n) {
	for (; w > 0; w = next[w - 1]) {
		const char *word = list + begins[w - 1];
		mtad_i32 k = 0;
		while (k < n && word[k] != ' ' && (unsigned char)word[k] == folded[(unsigned char)p[k]]) k++;
		if (word[k] == ' ') return 1;
	}
	return 0;
}

/* has reports whether a word stands in text[0..n). */
static int has(mtad_i32 n) {
	if (n < 2) return 0;
	unsigned char a = folded[(unsigned char)text[0]];
	for (mtad_i32 i = 1; i < n; i++) {
		unsigned char b = folded[(unsigned char)text[i]];
		mtad_i32 w = first[slot(a, b)];
		if (w && stands(w, text + i - 1, n - i + 1)) return 1;
		a = b;
	}
	return 0;
}

static int in_subject(void) {
	mtad_i32 i = mtad_hdr_find(MTAD_STR("Subject"), 0);
	if (i < 0) return 0;
	mtad_i32 n = mtad_hdr_get(i, MTAD_VALUE, text, sizeof text);
	return has(n < (mtad_i32)sizeof text ? n : (mtad_i32)sizeof text);
}

/* Pieces overlap by the longest word, so that none is missed at a seam. */
static int in_body(void) {
	mtad_i32 kept = 0, n;
	for (mtad_i64 off = 0; (n = mtad_body_read(off, text + kept, PIECE)) > 0; off += n) {
		mtad_i32 all = kept + n;
		if (has(all)) return 1;
		kept = all < LONGEST ? all : LONGEST;
		for (mtad_i32 k = 0; k < kept; k++) text[k] = text[all - kept + k];
	}
	return n; /* negative: the body could not be read */
}

/* eom is asked when the whole message has arrived. */
MTAD_HOOK(eom) {
	int found = in_subject();
	if (found == 0) found = in_body();
	if (found < 0) return mtad_tempfail(MTAD_STR("4.3.0"), MTAD_STR("the message cannot be read"));
	if (found == 0) return MTAD_CONTINUE;
	mtad_counter(MTAD_STR("refused"), 1);
	return mtad_reject(MTAD_STR("5.7.1"), MTAD_STR("message has a word that this site does not take"));
}
