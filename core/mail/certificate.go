package mail

// Certificate is what an SMTP client showed of itself by TLS. It is not changed once it is made.
type Certificate struct {
	// Subject and Issuer are the common names of the certificate and of who issued it (the
	// organisation, where the issuer has no common name), without control characters; "" for
	// none.
	Subject, Issuer string
	// Print and KeyPrint are the fingerprints of the certificate and of its public key:
	// "AB:CD:…" (postconf(5) smtpd_tls_fingerprint_digest).
	Print, KeyPrint string
	// Signature is how the client proved that the key is its own, in OpenSSL's words:
	// "RSA-PSS (2048 bits)"; "" before TLS 1.3, where the cipher's name says it.
	Signature string
	// Trusted says that an authority of smtpd_tls_CAfile or smtpd_tls_CApath vouches for it.
	// Fingerprints count without that; names do not.
	Trusted bool
}
