package mastercf

import "fmt"

// Problem is something wrong with a line of master.cf.
type Problem struct {
	File string
	Line int
	// Service is the "name/type" of the service, "" when the line does not say it.
	Service string
	Text    string
	// Warning says that the service is usable all the same.
	Warning bool
}

// Error returns "FILE:LINE: what is wrong".
func (p *Problem) Error() string {
	if p.File == "" {
		return p.Text
	}
	return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Text)
}

func lineOf(s *Service) string { return fmt.Sprintf("line %d", s.Line) }
