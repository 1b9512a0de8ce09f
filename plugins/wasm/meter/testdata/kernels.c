// Small loops of the kinds that mail filters are made of, and some that they are not. Each export takes a size
// and returns a checksum, so that a metered build can be compared with the original and timed against it.
//
// clang-14 --target=wasm32 -O2 -nostdlib -ffreestanding -fvisibility=hidden
//     -Wl,--no-entry -Wl,--export-dynamic -o kernels.wasm kernels.c
#define EXPORT __attribute__((visibility("default")))
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

static u8 text[1 << 16];
static u32 words[1 << 14];

EXPORT u32 fill(u32 n) { // store loop
	u32 x = 1;
	n &= 0xffff;
	for (u32 i = 0; i < n; i++) {
		x = x * 1103515245 + 12345;
		text[i] = x >> 16;
	}
	return x;
}

EXPORT u32 count(u32 n) { // the tightest loop: one load, one compare
	u32 c = 0;
	for (u32 i = 0; i < n; i++)
		c += text[i & 0xffff] == 'a';
	return c;
}

EXPORT u32 fnv(u32 n) { // a chain of multiplications
	u32 h = 2166136261u;
	for (u32 i = 0; i < n; i++)
		h = (h ^ text[i & 0xffff]) * 16777619u;
	return h;
}

EXPORT u32 search(u32 n) { // nested loops, early exits
	static const u8 needle[] = {7, 9, 11, 13};
	u32 hits = 0;
	for (u32 i = 0; i + 4 < n; i++) {
		u32 k = 0;
		while (k < 4 && (text[(i + k) & 0xffff] & 15) == needle[k])
			k++;
		hits += k;
	}
	return hits;
}

EXPORT u32 sieve(u32 n) {
	n &= 0x3fff;
	for (u32 i = 0; i < n; i++)
		words[i] = 1;
	u32 c = 0;
	for (u32 i = 2; i < n; i++) {
		if (!words[i])
			continue;
		c++;
		for (u32 j = i * 2; j < n; j += i)
			words[j] = 0;
	}
	return c;
}

static double a[64][64], b[64][64], c[64][64];

EXPORT double matrix(u32 n) { // floating point, three loops deep
	n &= 63;
	for (u32 i = 0; i < n; i++)
		for (u32 j = 0; j < n; j++)
			a[i][j] = i + j, b[i][j] = i - (double)j, c[i][j] = 0;
	for (u32 i = 0; i < n; i++)
		for (u32 j = 0; j < n; j++)
			for (u32 k = 0; k < n; k++)
				c[i][j] += a[i][k] * b[k][j];
	return c[n / 2][n / 3];
}

__attribute__((noinline)) static u32 fibonacci(u32 n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }

EXPORT u32 fib(u32 n) { return fibonacci(n); } // calls and nothing else

__attribute__((noinline)) static u32 leaf(u32 x, u32 y) { return (x << 5) - x + (y ^ 0x55); }

EXPORT u32 leaves(u32 n) { // calls of a function of a few instructions
	u32 h = 0;
	for (u32 i = 0; i < n; i++)
		h = leaf(h, i);
	return h;
}

static int less(u32 x, u32 y) { return x < y; }
static int more(u32 x, u32 y) { return x > y; }

__attribute__((noinline)) static void sort(u32 *v, int n, int (*before)(u32, u32)) {
	while (n > 1) {
		u32 p = v[(n - 1) / 2]; // the lower middle, or two elements would never part
		int i = 0, j = n - 1;
		for (;;) {
			while (before(v[i], p))
				i++;
			while (before(p, v[j]))
				j--;
			if (i >= j)
				break;
			u32 t = v[i];
			v[i++] = v[j], v[j--] = t;
		}
		sort(v, j + 1, before);
		v += j + 1, n -= j + 1;
	}
}

EXPORT u32 quicksort(u32 n) { // recursion and indirect calls
	u32 x = 1;
	n &= 0x3fff;
	for (u32 i = 0; i < n; i++)
		words[i] = x = x * 1664525 + 1013904223;
	sort(words, n, n & 1 ? less : more);
	u32 h = 0;
	for (u32 i = 0; i < n; i++)
		h = h * 31 + words[i];
	return h;
}

// A bytecode interpreter: one big loop whose arms are seldom taken, as regular expression engines have it.
EXPORT u64 interpret(u32 n) {
	static const u8 code[] = {0, 3, 1, 7, 2, 5, 4, 6, 8, 9, 10, 3, 11, 5, 12, 13, 7, 14, 9, 15};
	u64 r[4] = {n, 1, 2, 3};
	u32 pc = 0;
	for (u32 i = 0; i < n; i++) {
		switch (code[pc]) {
		case 0: r[0] += r[1]; break;
		case 1: r[1] ^= r[2] << 3; break;
		case 2: r[2] *= 0x9e3779b97f4a7c15ull; break;
		case 3: r[3] += r[0] >> 7; break;
		case 4: r[0] -= r[3]; break;
		case 5: if (r[1] & 1) r[2]++; else r[2]--; break;
		case 6: r[1] = (r[1] << 13) | (r[1] >> 51); break;
		case 7: r[3] ^= text[r[0] & 0xffff]; break;
		case 8: words[r[1] & 0x3fff] = (u32)r[2]; break;
		case 9: r[0] += words[r[2] & 0x3fff]; break;
		case 10: r[2] ^= r[0] * 5; break;
		case 11: r[1] += i; break;
		case 12: if (r[3] % 3 == 0) pc = 2; break;
		case 13: r[0] ^= r[0] >> 33; r[0] *= 0xff51afd7ed558ccdull; break;
		case 14: { u64 t = r[0]; r[0] = r[3]; r[3] = t; break; }
		default: r[1] = ~r[1]; break;
		}
		if (++pc >= sizeof code)
			pc = 0;
	}
	return r[0] ^ r[1] ^ r[2] ^ r[3];
}
