// mtad.hpp - ABI 1 of mtad in C++'s own words: string_view in, string out. It needs C++17 and a
// standard library, and no exceptions; mtad.h is all that a plugin without a library needs.
//
//   #include "mtad.hpp"
//
//   MTAD_PLUGIN
//
//   MTAD_HOOK(eom) {
//           if (mtad::header("Subject").find("SPAM") != std::string::npos)
//                   return mtad::reject("5.7.1", "no spam here");
//           return MTAD_CONTINUE;
//   }
//
// A read returns a Value: a string that knows whether there was one, because an error is not "no".
// What has no word of its own here is called as in mtad.h.
#ifndef MTAD_HPP
#define MTAD_HPP

#include <cstdint>
#include <string>
#include <string_view>

#include "mtad.h"

namespace mtad {

using view = std::string_view;

// What a read gave: a string, or an error of mtad.h.
struct Value {
	std::string text;
	mtad_i32 error = 0;

	// found says that there is a value, failed that nobody could say.
	bool found() const { return error == 0; }
	bool failed() const { return error != 0 && error != MTAD_ENOTFOUND; }
};

// whole reads with a buffer, and again with a larger one if the value did not fit.
template <class Read> Value whole(Read read) {
	Value v;
	v.text.resize(256);
	for (;;) {
		mtad_i32 n = read(&v.text[0], mtad_size(v.text.size()));
		if (n < 0) return Value{{}, n};
		bool fits = size_t(n) <= v.text.size();
		v.text.resize(size_t(n));
		if (fits) return v;
	}
}

// Properties, and the plugin's configuration.
inline Value get(view key) {
	return whole([&](char *p, mtad_size n) { return mtad_get(key.data(), key.size(), p, n); });
}
inline std::string property(view key) { return get(key).text; }
inline mtad_i32 set(view key, view value) { return mtad_set(key.data(), key.size(), value.data(), value.size()); }
inline Value config(view key) {
	return whole([&](char *p, mtad_size n) { return mtad_config(key.data(), key.size(), p, n); });
}
inline int64_t config_int(view key, int64_t otherwise) { return mtad_config_int(key.data(), key.size(), otherwise); }

// The header, the envelope, the text.
inline mtad_i32 hdr_find(view name, mtad_i32 from = 0) { return mtad_hdr_find(name.data(), name.size(), from); }
inline Value hdr_get(mtad_i32 i, mtad_i32 part = MTAD_VALUE) {
	return whole([&](char *p, mtad_size n) { return mtad_hdr_get(i, part, p, n); });
}
// header is the unfolded value of the first field with this name, "" when there is none.
inline std::string header(view name) {
	mtad_i32 i = hdr_find(name);
	return i < 0 ? std::string() : hdr_get(i).text;
}
inline Value rcpt_get(mtad_i32 i, mtad_i32 part = MTAD_ADDR) {
	return whole([&](char *p, mtad_size n) { return mtad_rcpt_get(i, part, p, n); });
}
// At most max bytes from an offset on; none at the end.
template <class Read> Value some(size_t max, Read read) {
	Value v;
	v.text.resize(max);
	mtad_i32 n = read(&v.text[0], mtad_size(max));
	if (n < 0) return Value{{}, n};
	v.text.resize(size_t(n));
	return v;
}
inline Value body_read(int64_t off, size_t max = 65536) {
	return some(max, [&](char *p, mtad_size n) { return mtad_body_read(off, p, n); });
}
inline Value msg_read(int64_t off, size_t max = 65536) {
	return some(max, [&](char *p, mtad_size n) { return mtad_msg_read(off, p, n); });
}

// Verdicts and answers with their words.
inline mtad_i32 reply(mtad_i32 code, view enhanced, view text) {
	return mtad_reply(code, enhanced.data(), enhanced.size(), text.data(), text.size());
}
inline mtad_i32 reject(view enhanced, view text) { return mtad_reject(enhanced.data(), enhanced.size(), text.data(), text.size()); }
inline mtad_i32 tempfail(view enhanced, view text) { return mtad_tempfail(enhanced.data(), enhanced.size(), text.data(), text.size()); }
inline mtad_i32 hold(view reason) { return mtad_hold(reason.data(), reason.size()); }
inline mtad_i32 quarantine(view name) { return mtad_quarantine(name.data(), name.size()); }
inline mtad_i32 redirect(view address) { return mtad_redirect(address.data(), address.size()); }
inline mtad_i32 filter(view way) { return mtad_filter(way.data(), way.size()); }
inline mtad_i32 found_addr(view address) { return mtad_found_addr(address.data(), address.size()); }
inline mtad_i32 found_value(view value) { return mtad_found_value(value.data(), value.size()); }
inline mtad_i32 found_route(view transport, view nexthop) {
	return mtad_found_route(transport.data(), transport.size(), nexthop.data(), nexthop.size());
}

// Log, counters, stash.
inline void log(mtad_i32 level, view text) { mtad_log(level, text.data(), text.size()); }
inline mtad_i32 counter(view name, int64_t delta = 1) { return mtad_counter(name.data(), name.size(), delta); }
inline bool feature(view name) { return mtad_feature(name.data(), name.size()) == 1; }
inline Value stash_get(mtad_i32 scope, view key) {
	return whole([&](char *p, mtad_size n) { return mtad_stash_get(scope, key.data(), key.size(), p, n); });
}
inline mtad_i32 stash_set(mtad_i32 scope, view key, view value) {
	return mtad_stash_set(scope, key.data(), key.size(), value.data(), value.size());
}

// Capability "edit".
inline mtad_i32 hdr_add(view name, view value, mtad_i32 pos = -1) {
	return mtad_hdr_add(name.data(), name.size(), value.data(), value.size(), pos);
}
inline mtad_i32 hdr_set(mtad_i32 i, view value) { return mtad_hdr_set(i, value.data(), value.size()); }
inline mtad_i32 body_write(view text) { return mtad_body_write(text.data(), text.size()); }
inline mtad_i32 env_from(view address) { return mtad_env_from(address.data(), address.size()); }
inline mtad_i32 rcpt_add(view address, mtad_i32 flags = 0) { return mtad_rcpt_add(address.data(), address.size(), flags); }

// Capabilities "map", "kv", "dns".
inline Value map_get(view map, view key) {
	return whole([&](char *p, mtad_size n) { return mtad_map_get(map.data(), map.size(), key.data(), key.size(), p, n); });
}
inline Value kv_get(view key) {
	return whole([&](char *p, mtad_size n) { return mtad_kv_get(key.data(), key.size(), p, n); });
}
inline mtad_i32 kv_set(view key, view value, mtad_i32 ttl = 0) {
	return mtad_kv_set(key.data(), key.size(), value.data(), value.size(), ttl);
}
inline int64_t kv_incr(view key, int64_t delta = 1, mtad_i32 ttl = 0) { return mtad_kv_incr(key.data(), key.size(), delta, ttl); }
inline mtad_i32 kv_del(view key) { return mtad_kv_del(key.data(), key.size()); }
inline Value dns(mtad_i32 type, view name) {
	return whole([&](char *p, mtad_size n) { return mtad_dns(type, name.data(), name.size(), p, n); });
}

// Capability "scan".
inline int64_t words(view set, mtad_i32 text, int64_t from = 0) { return mtad_words(set.data(), set.size(), text, from); }
inline int64_t regexp(view pattern, mtad_i32 text, int64_t from = 0) { return mtad_regexp(pattern.data(), pattern.size(), text, from); }
inline Value hash(mtad_i32 alg, mtad_i32 text) {
	return whole([&](char *p, mtad_size n) { return mtad_hash(alg, text, p, n); });
}
// mime_part tells what is said of a part; mime_read reads its decoded content.
inline Value mime_part(mtad_i32 i, mtad_i32 what) {
	return whole([&](char *p, mtad_size n) { return mtad_mime_part(i, what, 0, p, n); });
}
inline Value mime_read(mtad_i32 i, int64_t off, size_t max = 65536) {
	return some(max, [&](char *p, mtad_size n) { return mtad_mime_part(i, MTAD_MIME_CONTENT, off, p, n); });
}

// Capability "deliver".
inline mtad_i32 rcpt_status(mtad_i32 i, mtad_i32 code, view enhanced, view text) {
	return mtad_rcpt_status(i, code, enhanced.data(), enhanced.size(), text.data(), text.size());
}

} // namespace mtad

#endif
