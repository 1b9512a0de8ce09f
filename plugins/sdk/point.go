package sdk

import "strings"

// Point is a hook point: a moment at which plugins are asked.
type Point uint8

// The hook points of ABI 1, in the order in which a message meets them. Their numbers are the
// bits of a Points set and part of the ABI (mtad_hooks).
const (
	PointConnect Point = iota
	PointHelo
	PointAuth
	PointMail
	PointRcpt
	PointData
	PointHeaders
	PointBody
	PointEOM
	PointAbort
	PointRewrite
	PointRoute
	PointDeliver
	PointLookup
	PointEvent
	NumPoints = int(PointEvent) + 1
)

var pointNames = [NumPoints]string{"connect", "helo", "auth", "mail", "rcpt", "data", "headers", "body",
	"eom", "abort", "rewrite", "route", "deliver", "lookup", "event"}

// String returns the name used in configurations and export names ("mtad_" + name).
func (p Point) String() string {
	if int(p) < NumPoints {
		return pointNames[p]
	}
	return "unknown"
}

// PointByName finds a point by its name.
func PointByName(name string) (Point, bool) {
	for i, n := range pointNames {
		if n == name {
			return Point(i), true
		}
	}
	return 0, false
}

// Points is a set of hook points.
type Points uint32

// With returns the set with p in it.
func (s Points) With(p Point) Points { return s | 1<<p }

// Has reports whether p is in the set.
func (s Points) Has(p Point) bool { return s>>p&1 != 0 }

// String returns the names, separated by spaces.
func (s Points) String() string {
	var names []string
	for p := range Point(NumPoints) {
		if s.Has(p) {
			names = append(names, p.String())
		}
	}
	return strings.Join(names, " ")
}
