#include "mtad.h"

static char sender[512] = "from ";

MTAD_EXPORT(mtad_abi_1) void mtad_abi_1(void) {}

MTAD_EXPORT(mtad_rcpt) mtad_i32 mtad_rcpt(void) {
	char user[1];
	if (mtad_get(MTAD_STR("auth.user"), user, 0) > 0) return MTAD_CONTINUE;
	mtad_i32 n = mtad_get(MTAD_STR("mail.from"), sender + 5, 250);
	if (n < 0 || n > 250) return MTAD_CONTINUE;
	mtad_i64 count = mtad_kv_incr(sender, 5 + n, 1, 3600);
	if (count >= 0 && count <= 10) return MTAD_CONTINUE;
	mtad_reply(451, MTAD_STR("4.7.1"), MTAD_STR("too many recipients in an hour"));
	return MTAD_TEMPFAIL;
}
