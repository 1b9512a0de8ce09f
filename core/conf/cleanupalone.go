package conf

// cleanupAlone are the parameters that cleanup reads and no other program: cleanup(8) has them, and no other page.
// What a service sets of them with -o does not come there, unless the service is a cleanup.
var cleanupAlone = map[string]bool{
	"always_add_missing_headers": true, "always_bcc": true, "body_checks": true, "body_checks_size_limit": true,
	"detect_8bit_encoding_header": true, "disable_mime_input_processing": true, "duplicate_filter_limit": true,
	"enable_original_recipient": true, "force_mime_input_conversion": true, "header_checks": true, "hopcount_limit": true,
	"masquerade_classes": true, "masquerade_domains": true, "masquerade_exceptions": true, "message_drop_headers": true,
	"message_reject_characters": true, "message_strip_characters": true, "mime_boundary_length_limit": true, "mime_header_checks": true,
	"mime_nesting_limit": true, "nested_header_checks": true, "propagate_unmatched_extensions": true, "recipient_bcc_maps": true,
	"sender_bcc_maps": true, "smtputf8_autodetect_classes": true, "strict_7bit_headers": true, "strict_8bitmime": true,
	"strict_8bitmime_body": true, "strict_mime_encoding_domain": true, "undisclosed_recipients_header": true,
	"virtual_alias_address_length_limit": true, "virtual_alias_expansion_limit": true, "virtual_alias_recursion_limit": true,
}
