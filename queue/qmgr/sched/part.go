package sched

import (
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/queue"
)

// Part is some recipients of a message, in the order of its envelope.
type Part struct {
	// Index are their places in the envelope.
	Index   []int32
	address []string // where each goes; nil: as in the envelope
}

// Add appends recipient i of e, which goes to address.
func (p *Part) Add(e *queue.Entry, i int32, address string) {
	if p.address == nil && address != e.Recipients[i].Address {
		p.address = make([]string, 0, len(p.Index)+1)
		for _, k := range p.Index {
			p.address = append(p.address, e.Recipients[k].Address)
		}
	}
	p.Index = append(p.Index, i)
	if p.address != nil {
		p.address = append(p.address, address)
	}
}

// To returns where the k-th recipient of p goes.
func (p *Part) To(e *queue.Entry, k int) string {
	if p.address != nil {
		return p.address[k]
	}
	return e.Recipients[p.Index[k]].Address
}

// Recipients returns them as an agent gets them. It shares memory with e when nothing differs.
func (p *Part) Recipients(e *queue.Entry) []mail.Recipient {
	first, n := int(p.Index[0]), len(p.Index)
	if p.address == nil && int(p.Index[n-1])-first == n-1 {
		return e.Recipients[first : first+n : first+n]
	}
	list := make([]mail.Recipient, n)
	for k, i := range p.Index {
		list[k] = e.Recipients[i]
		list[k].Address = p.To(e, k)
	}
	return list
}

// cut takes the first n recipients off p.
func (p *Part) cut(n int) Part {
	first := Part{Index: p.Index[:n:n]}
	p.Index = p.Index[n:]
	if p.address != nil {
		first.address, p.address = p.address[:n:n], p.address[n:]
	}
	return first
}
