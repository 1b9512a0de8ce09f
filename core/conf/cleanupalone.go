package conf

// cleanupAlone are the parameters that no program of Postfix but cleanup(8) has, and none here but cleanup reads. What
// a service sets of them with -o does not come there, unless the service is a cleanup.
var cleanupAlone = map[string]bool{
	"always_add_missing_headers": true, "always_bcc": true, "body_checks": true, "body_checks_size_limit": true,
	"detect_8bit_encoding_header": true, "header_checks": true, "hopcount_limit": true,
	"masquerade_classes": true, "masquerade_domains": true, "masquerade_exceptions": true,
	"message_reject_characters": true, "message_strip_characters": true, "mime_header_checks": true, "nested_header_checks": true,
	"recipient_bcc_maps": true, "sender_bcc_maps": true, "undisclosed_recipients_header": true,
	"virtual_alias_address_length_limit": true, "virtual_alias_expansion_limit": true, "virtual_alias_recursion_limit": true,
}
