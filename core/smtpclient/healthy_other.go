//go:build !unix

package smtpclient

// Healthy reports whether the connection is not known to be over.
func (c *Conn) Healthy() bool { return !c.dead && c.r == c.w }
