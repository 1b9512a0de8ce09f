// Everything that changes or breaks an instance: bulk memory, growth, the stack, tables, vectors, and each trap that
// C can be made to cause. Compiled with every feature that the compiler has and the engine knows.
//
// clang-14 --target=wasm32 -O2 -nostdlib -ffreestanding -fvisibility=hidden
//     -mbulk-memory -msign-ext -mnontrapping-fptoint -mmultivalue -mmutable-globals -mreference-types -msimd128
//     -mtail-call -Wl,--no-entry -Wl,--export-dynamic -Wl,--export=__stack_pointer -o state.wasm state.c
#define EXPORT __attribute__((visibility("default")))
#define NOINLINE __attribute__((noinline))
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

static u8 buffer[1 << 15];
static u32 counter;

EXPORT u32 bump(u32 by) { return counter += by; } // survives the call

EXPORT u32 bulk(u32 at, u32 n, u32 value) { // memory.fill and memory.copy; traps beyond the memory
	__builtin_memset(buffer + at, value, n);
	__builtin_memmove(buffer + at / 2, buffer + at, n / 2);
	u32 h = 0;
	for (u32 i = 0; i < sizeof buffer; i++)
		h = h * 31 + buffer[i];
	return h;
}

EXPORT int grow(u32 pages) { return __builtin_wasm_memory_grow(0, pages); }

EXPORT u32 divide(u32 a, u32 b) { return a / b + (int)a % (int)b; }

EXPORT u32 load(u32 at) { return *(volatile u32 *)at; }

EXPORT void abort_(void) { __builtin_trap(); }

EXPORT int truncate(double d) { return (int)d + (int)(signed char)(int)d; }

NOINLINE static u32 deep(u32 n, u8 *up) {
	volatile u8 mine[64];
	mine[n % 64] = n + *up;
	return n == 0 ? mine[0] : deep(n - 1, (u8 *)mine + n % 64) + mine[n % 64];
}

EXPORT u32 recurse(u32 n) { u8 z = 1; return deep(n, &z); } // moves the stack pointer

static u32 plus(u32 a, u32 b) { return a + b; }
static u32 times(u32 a, u32 b) { return a * b; }
static u32 power(u32 a, u32 b) { u32 r = 1; while (b--) r *= a; return r; }
static u32 (*const volatile operators[])(u32, u32) = {plus, times, power, 0};

EXPORT u32 apply(u32 op, u32 a, u32 b) { return operators[op & 3](a, b); } // op 3: a null function

EXPORT u64 wrong(u32 op) { return ((u64(*)(void))operators[op & 3])(); } // a function of another type

EXPORT u32 vector(u32 n) { // the compiler makes v128 code of these
	u32 s = 0;
	n &= sizeof buffer - 1;
	for (u32 i = 0; i < n; i++)
		buffer[i] = buffer[i] * 3 + 1;
	for (u32 i = 0; i < n; i++)
		s += buffer[i];
	return s;
}

NOINLINE static u32 odd(u32 n, u32 h);
NOINLINE static u32 even(u32 n, u32 h) {
	if (n == 0)
		return h;
	__attribute__((musttail)) return odd(n - 1, h * 3 + 1);
}
NOINLINE static u32 odd(u32 n, u32 h) {
	if (n == 0)
		return ~h;
	__attribute__((musttail)) return even(n - 1, h ^ n);
}

EXPORT u32 bounce(u32 n) { return even(n, 7); } // tail calls

EXPORT u32 choose(u32 n) { // many arms
	switch (n) {
	case 0: return counter;
	case 1: return buffer[1] + 10;
	case 2: for (u32 i = 0; i < 10; i++) counter += i; return counter;
	case 3: if (counter & 1) return 3; else counter++;
	case 4: return counter ? divide(100, counter) : 4;
	case 5: return bulk(3, 9, 1);
	case 6: return recurse(6);
	case 7: counter = 0; return 7;
	case 8: return buffer[8] << 8 | buffer[9];
	default: return ~0u;
	}
}
