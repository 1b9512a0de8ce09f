package conf_test

import (
	"testing"

	"github.com/mtad/mtad/core/conf"
)

func TestDefaultsNeedNoConfiguration(t *testing.T) {
	c, err := conf.Read("/no/such/directory", conf.WithoutFiles(), conf.WithVersion("9.9", "today"), conf.WithHostname("h.example"))
	if err != nil {
		t.Fatal(err)
	}
	if v := c.String("mail_version"); v != "9.9" || len(c.Services()) == 0 {
		t.Fatalf("mail_version %q, %d services", v, len(c.Services()))
	}
}
