// The tour in C++: what mtad.hpp has beyond the calls of the ABI.
#include "mtad.hpp"

MTAD_PLUGIN

MTAD_HOOK(connect) {
	std::string client = mtad::property("client.addr");
	if (client == "192.0.2.1") return mtad::hold("from a list");
	if (client == "192.0.2.2") return mtad::redirect("abuse@example.com");
	if (client == "192.0.2.3") return mtad::reject("5.7.0", "go away");
	if (client == "192.0.2.4") return mtad::tempfail("4.7.0", "later");
	return MTAD_CONTINUE;
}

MTAD_HOOK(headers) {
	if (mtad::header("Subject") == "virus") return mtad::quarantine("virus");
	if (mtad::header("Subject") == "slow") return mtad::filter("relay:[192.0.2.7]");
	return MTAD_CONTINUE;
}

MTAD_HOOK(eom) {
	mtad_i32 i = mtad::hdr_find("Subject");
	mtad::hdr_set(i, "[x] " + mtad::hdr_get(i).text);
	mtad::hdr_add("X-New", "1");
	mtad::log(MTAD_INFO, std::to_string(mtad::header("X-Long").size()) + " " + std::to_string(mtad::config_int("n", 7)) + " " +
		std::to_string(mtad::config_int("bad", 7)) + " " + std::to_string(mtad::config_int("minus", 7)));
	return MTAD_CONTINUE;
}

MTAD_HOOK(rewrite) { return mtad::found_addr("x@example.com"); }

MTAD_HOOK(route) {
	std::string rcpt = mtad::property("rcpt.addr");
	if (rcpt == "a@b") return mtad::found_route("lmtp", "unix:/run/x");
	if (rcpt == "c@d") return mtad::found_route("", "[192.0.2.9]");
	return mtad::found_route("relay", "");
}

MTAD_HOOK(lookup) { return mtad::found_value(mtad::property("lookup.key") + ".example"); }

MTAD_HOOK(event) {
	mtad::counter("events");
	mtad::log(MTAD_INFO, mtad::property("event.kind"));
	return MTAD_CONTINUE;
}
