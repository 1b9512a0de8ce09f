/* words: a small filter as an organisation would write one: it refuses messages that have one of the
 * configured words in the Subject or the body, in any case. It looks at each place once: only where
 * the first two letters of a word stand, words are compared. Built with
 *   clang-14 --target=wasm32 -O2 -nostdlib -ffreestanding -I../../sdk/c -Wl,--no-entry -Wl,-z,stack-size=8192 -o words.wasm words.c
 */
#include "mtad.h"

#define LIST 1024   /* bytes of all words */
#define PIECE 8192  /* bytes of the body that are read at a time */
#define LONGEST 64  /* bytes of a word */

static char list[LIST + 1], text[PIECE + LONGEST];
static unsigned char folded[256];
/* pairs has, by the hash of the first two letters, 1 + the number of a word; next the one after it
 * with the same hash, 0 for none. begins is where words begin in list. */
static unsigned char pairs[1024], next[255];
static short begins[255];
static mtad_i32 nlist, nwords;

MTAD_EXPORT(mtad_abi_1) void mtad_abi_1(void) {}

static unsigned hash(unsigned char a, unsigned char b) { return (a * 33u + b) & 1023; }

MTAD_EXPORT(mtad_init) mtad_i32 mtad_init(void) {
	for (int c = 0; c < 256; c++) folded[c] = c >= 'A' && c <= 'Z' ? c + 32 : c;
	nlist = mtad_config(MTAD_STR("words"), list, LIST);
	if (nlist < 2 || nlist > LIST) {
		mtad_reply(0, 0, 0, MTAD_STR("set words = \"one two three\" in plugin.config, at most 1024 bytes"));
		return 1;
	}
	list[nlist++] = ' ';
	for (mtad_i32 i = 0, begin = 0; i < nlist; i++) {
		list[i] = folded[(unsigned char)list[i]];
		if (list[i] != ' ') continue;
		if (i - begin >= 2 && nwords < 255) {
			unsigned char *first = &pairs[hash(list[begin], list[begin + 1])];
			next[nwords] = *first;
			begins[nwords++] = begin;
			*first = nwords;
		}
		begin = i + 1;
	}
	return 0;
}

/* stands reports whether one of the words from w on begins at p, of which n bytes are there. */
static int stands(mtad_i32 w, const char *p, mtad_i32 n) {
	for (; w > 0; w = next[w - 1]) {
		const char *word = list + begins[w - 1];
		mtad_i32 k = 0;
		while (k < n && word[k] != ' ' && (unsigned char)word[k] == folded[(unsigned char)p[k]]) k++;
		if (word[k] == ' ') return 1;
	}
	return 0;
}

static int has(mtad_i32 n) {
	if (n < 2) return 0;
	unsigned char a = folded[(unsigned char)text[0]];
	for (mtad_i32 i = 1; i < n; i++) {
		unsigned char b = folded[(unsigned char)text[i]];
		mtad_i32 w = pairs[hash(a, b)];
		if (w && stands(w, text + i - 1, n - i + 1)) return 1;
		a = b;
	}
	return 0;
}

MTAD_EXPORT(mtad_eom) mtad_i32 mtad_eom(void) {
	mtad_i32 i = mtad_hdr_find(MTAD_STR("Subject"), 0), n, kept = 0, found = 0;
	if (i >= 0) {
		n = mtad_hdr_get(i, MTAD_VALUE, text, sizeof text);
		found = has(n < (mtad_i32)sizeof text ? n : (mtad_i32)sizeof text);
	}
	/* pieces overlap by the longest word, so that none is missed at a seam */
	for (mtad_i64 off = 0; !found && (n = mtad_body_read(off, text + kept, PIECE)) > 0; off += n) {
		found = has(kept + n);
		mtad_i32 all = kept + n;
		kept = all < LONGEST ? all : LONGEST;
		for (mtad_i32 k = 0; k < kept; k++) text[k] = text[all - kept + k];
	}
	if (!found) return MTAD_CONTINUE;
	mtad_reply(550, MTAD_STR("5.7.1"), MTAD_STR("message has a word that this site does not take"));
	return MTAD_REJECT;
}

/* Recipients at one domain are refused: a rcpt hook for measuring. */
MTAD_EXPORT(mtad_rcpt) mtad_i32 mtad_rcpt(void) {
	mtad_i32 n = mtad_get(MTAD_STR("rcpt.addr"), text, PIECE);
	const char domain[] = "@refused.example";
	mtad_i32 len = sizeof domain - 1;
	if (n < len || n > PIECE) return MTAD_CONTINUE;
	for (mtad_i32 k = 0; k < len; k++)
		if (folded[(unsigned char)text[n - len + k]] != (unsigned char)domain[k]) return MTAD_CONTINUE;
	return MTAD_REJECT;
}
