#include "mtad.h"

static char sender[256 + 5] = "from ";
static mtad_i64 most;

MTAD_PLUGIN

MTAD_INIT {
	most = mtad_config_int(MTAD_STR("most"), 10);
	return 0;
}

MTAD_HOOK(rcpt) {
	if (mtad_get(MTAD_STR("auth.user"), 0, 0) > 0) return MTAD_CONTINUE;
	mtad_i32 n = mtad_get(MTAD_STR("mail.from"), sender + 5, 250);
	if (n < 0 || n > 250) return MTAD_TEMPFAIL;
	mtad_i64 count = mtad_kv_incr(sender, 5 + n, 1, 3600);
	if (count < 0) return mtad_tempfail(MTAD_STR("4.3.0"), MTAD_STR("cannot count"));
	if (count > most) return mtad_tempfail(MTAD_STR("4.7.1"), MTAD_STR("too many recipients in an hour"));
	return MTAD_CONTINUE;
}
