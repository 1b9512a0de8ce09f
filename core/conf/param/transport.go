package param

import "strings"

// suffixes are the parameters that every transport has as TRANSPORT_suffix, and the parameter
// that counts for a transport that has not set its own (postconf(5), "transport_...").
var suffixes = [...]struct{ suffix, fallback string }{
	{"delivery_slot_cost", "default_delivery_slot_cost"},
	{"delivery_slot_discount", "default_delivery_slot_discount"},
	{"delivery_slot_loan", "default_delivery_slot_loan"},
	{"destination_concurrency_failed_cohort_limit", "default_destination_concurrency_failed_cohort_limit"},
	{"destination_concurrency_limit", "default_destination_concurrency_limit"},
	{"destination_concurrency_negative_feedback", "default_destination_concurrency_negative_feedback"},
	{"destination_concurrency_positive_feedback", "default_destination_concurrency_positive_feedback"},
	{"destination_rate_delay", "default_destination_rate_delay"},
	{"destination_recipient_limit", "default_destination_recipient_limit"},
	{"extra_recipient_limit", "default_extra_recipient_limit"},
	{"initial_destination_concurrency", "initial_destination_concurrency"},
	{"minimum_delivery_slots", "default_minimum_delivery_slots"},
	{"recipient_limit", "default_recipient_limit"},
	{"recipient_refill_delay", "default_recipient_refill_delay"},
	{"recipient_refill_limit", "default_recipient_refill_limit"},
	{"time_limit", "command_time_limit"},
	{"transport_rate_delay", "default_transport_rate_delay"},
}

// OfTransport returns the parameter that counts for a transport without a setting of its own:
// default_destination_concurrency_limit for the suffix "destination_concurrency_limit".
func OfTransport(suffix string) (fallback *Param, ok bool) {
	for _, s := range suffixes {
		if s.suffix == suffix {
			return Find(s.fallback)
		}
	}
	return nil, false
}

// SplitTransport takes the name of a parameter of a transport apart: "slow_destination_rate_delay"
// is the destination_rate_delay of slow. ok is false for every other name, and for parameters
// that are registered under their whole name.
func SplitTransport(name string) (transport string, fallback *Param, ok bool) {
	if _, registered := Find(name); registered {
		return "", nil, false
	}
	longest := ""
	for _, s := range suffixes {
		head, found := strings.CutSuffix(name, "_"+s.suffix)
		if found && head != "" && len(s.suffix) > len(longest) {
			longest, transport = s.suffix, head
		}
	}
	if longest == "" {
		return "", nil, false
	}
	fallback, ok = OfTransport(longest)
	return transport, fallback, ok
}

// TransportSuffixes returns the suffixes that OfTransport knows, in order.
func TransportSuffixes() []string {
	names := make([]string, len(suffixes))
	for i, s := range suffixes {
		names[i] = s.suffix
	}
	return names
}
