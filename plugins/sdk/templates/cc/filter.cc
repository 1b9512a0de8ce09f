// filter: refuses messages that have a configured word in the Subject, and marks the others.
#include "mtad.hpp"

MTAD_PLUGIN

static std::string word;

static std::string lower(std::string s) {
	for (char &c : s)
		if (c >= 'A' && c <= 'Z') c += 32;
	return s;
}

// The configuration is read once, at load.
MTAD_INIT {
	mtad::Value v = mtad::config("word");
	word = v.found() ? lower(v.text) : "lottery";
	return 0;
}

// eom is asked when the whole message has arrived.
MTAD_HOOK(eom) {
	if (lower(mtad::header("Subject")).find(word) != std::string::npos)
		return mtad::reject("5.7.1", "messages about this are not taken here");
	if (mtad::hdr_add("X-Checked", "yes") != 0)
		return mtad::tempfail("4.3.0", "cannot mark the message");
	return MTAD_CONTINUE;
}
