// The conformance plugin in C++: CONFORMANCE.md says what it does.
#include "mtad.hpp"

#include <functional>
#include <map>

using mtad::Value;
using mtad::view;

namespace {

// The arguments of a command: what is left of them.
struct Args {
	view rest;

	static std::string unescaped(view s) {
		static const std::map<char, char> meaning = {{'n', '\n'}, {'r', '\r'}, {'0', '\0'}, {'\\', '\\'}};
		std::string out;
		if (s == "-") return out;
		for (size_t i = 0; i < s.size(); i++) {
			auto m = s[i] == '\\' && i + 1 < s.size() ? meaning.find(s[i + 1]) : meaning.end();
			out += m == meaning.end() ? s[i] : (i++, m->second);
		}
		return out;
	}

	view raw() {
		size_t n = rest.find(' ');
		view w = rest.substr(0, n);
		rest = n == view::npos ? view() : rest.substr(n + 1);
		return w;
	}

	std::string word() { return unescaped(raw()); }
	std::string last() { return unescaped(rest); }

	int64_t number() {
		view w = raw();
		int64_t n = 0;
		bool minus = !w.empty() && w[0] == '-';
		for (char c : w.substr(minus)) n = n * 10 + (c - '0');
		return minus ? -n : n;
	}

	mtad_i32 integer() { return mtad_i32(number()); }

	size_t size() {
		int64_t n = number();
		return n < 0 ? 0 : n > 4096 ? 4096 : size_t(n);
	}
};

// What a command says; nothing when it is silent.
struct Said {
	std::string text;
	bool aloud;
};

Said number(int64_t n) { return {std::to_string(n), true}; }
Said done(mtad_i32 n) { return {std::to_string(n), n < 0}; }
Said bytes(const Value &v) { return v.found() ? Said{v.text, true} : number(v.error); }

Said match(int64_t at) {
	if (at < 0) return number(at);
	return {std::to_string(at) + " " + mtad::property("scan.end") + " " + mtad::property("scan.match"), true};
}

Said random(size_t n) {
	std::string p(n, 0);
	mtad_random(&p[0], n);
	return {p.find_first_not_of(p[0]) != std::string::npos ? "ok" : "all the same", true};
}

using Command = std::function<Said(Args &)>;

// Arguments are taken in the order of the statements.
const std::map<view, Command> &base() {
	static const std::map<view, Command> commands = {
		{"get", [](Args &a) { return bytes(mtad::get(a.last())); }},
		{"set", [](Args &a) { auto k = a.word(); return done(mtad::set(k, a.last())); }},
		{"hdr_count", [](Args &) { return number(mtad_hdr_count()); }},
		{"hdr_get", [](Args &a) { auto i = a.integer(); return bytes(mtad::hdr_get(i, a.integer())); }},
		{"hdr_find", [](Args &a) { auto from = a.integer(); return number(mtad::hdr_find(a.last(), from)); }},
		{"rcpt_count", [](Args &) { return number(mtad_rcpt_count()); }},
		{"rcpt_get", [](Args &a) { auto i = a.integer(); return bytes(mtad::rcpt_get(i, a.integer())); }},
		{"body_size", [](Args &) { return number(mtad_body_size()); }},
		{"body_read", [](Args &a) { auto off = a.number(); return bytes(mtad::body_read(off, a.size())); }},
		{"msg_read", [](Args &a) { auto off = a.number(); return bytes(mtad::msg_read(off, a.size())); }},
		{"reply", [](Args &a) { auto c = a.integer(); auto e = a.word(); return done(mtad::reply(c, e, a.last())); }},
		{"config", [](Args &a) { return bytes(mtad::config(a.last())); }},
		{"now", [](Args &a) { return number(mtad_now(a.integer())); }},
		{"random", [](Args &a) { return random(a.size()); }},
		{"stash_get", [](Args &a) { auto s = a.integer(); return bytes(mtad::stash_get(s, a.last())); }},
		{"stash_set", [](Args &a) { auto s = a.integer(); auto k = a.word(); return done(mtad::stash_set(s, k, a.last())); }},
		{"counter", [](Args &a) { auto k = a.word(); return done(mtad::counter(k, a.number())); }},
		{"feature", [](Args &a) { return number(mtad::feature(a.last())); }},
		{"trap", [](Args &) -> Said { __builtin_trap(); }},
	};
	return commands;
}

const std::map<view, Command> &others() {
	static const std::map<view, Command> commands = {
		{"hdr_add", [](Args &a) { auto pos = a.integer(); auto k = a.word(); return done(mtad::hdr_add(k, a.last(), pos)); }},
		{"hdr_set", [](Args &a) { auto i = a.integer(); return done(mtad::hdr_set(i, a.last())); }},
		{"hdr_del", [](Args &a) { return done(mtad_hdr_del(a.integer())); }},
		{"body_begin", [](Args &) { return done(mtad_body_begin()); }},
		{"body_write", [](Args &a) { return done(mtad::body_write(a.last())); }},
		{"body_end", [](Args &) { return done(mtad_body_end()); }},
		{"env_from", [](Args &a) { return done(mtad::env_from(a.last())); }},
		{"rcpt_add", [](Args &a) { auto flags = a.integer(); return done(mtad::rcpt_add(a.last(), flags)); }},
		{"rcpt_del", [](Args &a) { return done(mtad_rcpt_del(a.integer())); }},
		{"map_get", [](Args &a) { auto m = a.word(); return bytes(mtad::map_get(m, a.last())); }},
		{"kv_get", [](Args &a) { return bytes(mtad::kv_get(a.last())); }},
		{"kv_set", [](Args &a) { auto t = a.integer(); auto k = a.word(); return done(mtad::kv_set(k, a.last(), t)); }},
		{"kv_incr", [](Args &a) { auto t = a.integer(); auto d = a.number(); return number(mtad::kv_incr(a.last(), d, t)); }},
		{"kv_del", [](Args &a) { return done(mtad::kv_del(a.last())); }},
		{"dns", [](Args &a) { auto t = a.integer(); return bytes(mtad::dns(t, a.last())); }},
		{"words", [](Args &a) { auto t = a.integer(); auto from = a.number(); return match(mtad::words(a.last(), t, from)); }},
		{"regexp", [](Args &a) { auto t = a.integer(); auto from = a.number(); return match(mtad::regexp(a.last(), t, from)); }},
		{"hash", [](Args &a) { auto alg = a.integer(); return bytes(mtad::hash(alg, a.integer())); }},
		{"mime_part", [](Args &a) { auto i = a.integer(); return bytes(mtad::mime_part(i, a.integer())); }},
		{"mime_read", [](Args &a) { auto i = a.integer(); auto off = a.number(); return bytes(mtad::mime_read(i, off, a.size())); }},
		{"rcpt_status", [](Args &a) {
			auto i = a.integer(), code = a.integer();
			auto e = a.word();
			return done(mtad::rcpt_status(i, code, e, a.last()));
		}},
	};
	return commands;
}

Said run_one(view name, Args &a) {
	for (auto *commands : {&base(), &others()}) {
		auto c = commands->find(name);
		if (c != commands->end()) return c->second(a);
	}
	return {"unknown", true};
}

bool holds(Args &a) {
	if (a.rest.empty()) return true;
	Value v = mtad::get(a.word());
	return v.found() && v.text == a.last();
}

mtad_i32 run(view hook) {
	Value program = mtad::config(hook);
	mtad_i32 verdict = MTAD_CONTINUE;
	bool on = true;
	for (view left = program.text; !left.empty();) {
		size_t n = left.find('\n');
		view line = left.substr(0, n);
		left = n == view::npos ? view() : left.substr(n + 1);
		if (line.empty()) continue;
		Args a{line};
		view name = a.raw();
		if (name == "when") on = holds(a);
		else if (!on) continue;
		else if (name == "return") verdict = a.integer();
		else if (name == "log") {
			mtad_i32 level = a.integer();
			mtad::log(level, a.last());
		} else {
			Said s = run_one(name, a);
			if (s.aloud) mtad::log(MTAD_INFO, std::string(line) + ": " + s.text);
		}
	}
	return verdict;
}

} // namespace

MTAD_PLUGIN

MTAD_INIT { return run("init"); }
MTAD_HOOK(connect) { return run("connect"); }
MTAD_HOOK(helo) { return run("helo"); }
MTAD_HOOK(auth) { return run("auth"); }
MTAD_HOOK(mail) { return run("mail"); }
MTAD_HOOK(rcpt) { return run("rcpt"); }
MTAD_HOOK(data) { return run("data"); }
MTAD_HOOK(headers) { return run("headers"); }
MTAD_HOOK(body) { return run("body"); }
MTAD_HOOK(eom) { return run("eom"); }
MTAD_HOOK(abort) { return run("abort"); }
MTAD_HOOK(rewrite) { return run("rewrite"); }
MTAD_HOOK(route) { return run("route"); }
MTAD_HOOK(deliver) { return run("deliver"); }
MTAD_HOOK(lookup) { return run("lookup"); }
MTAD_HOOK(event) { return run("event"); }
