package drop

import (
	"io"

	"github.com/mtad/mtad/core/mail"
)

// DecodeSized is Decode that tells the length of the message too, in bytes.
func DecodeSized(r io.Reader) (env *mail.Envelope, size int64, text io.Reader, err error) {
	d, err := decodeHead(r)
	if err != nil {
		return nil, 0, nil, err
	}
	return d.env, d.size, &sized{r: d.r, left: d.size}, nil
}
