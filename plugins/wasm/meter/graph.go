package meter

// graph is who calls whom. Nodes are the functions that the module defines, by their place in the code section, and behind
// them the classes of functions that one call_indirect can reach: those of one signature that a table may hold.
//
// A call that leads through another module and back is not seen: that module limits it, or nobody does.
type graph struct {
	m       *module
	class   []uint32 // of each type: the first type with its signature
	edges   []uint32
	first   []uint32 // where the edges of each function begin
	weight  []int64  // bytes of a frame of each function, estimated
	catches []bool   // functions with a try_table
	height  []int64  // bytes of frames that nobody counts, below each node
	counted []bool   // functions that count their frames
	members [][]uint32
}

func newGraph(m *module, functions int) *graph {
	g := &graph{m: m, class: make([]uint32, len(m.types)), first: make([]uint32, 0, functions+1), weight: make([]int64, 0, functions)}
	known := make(map[string]uint32, len(m.types))
	for i := range m.types {
		key := m.types[i].String()
		if _, ok := known[key]; !ok {
			known[key] = uint32(i)
		}
		g.class[i] = known[key]
	}
	return g
}

// begin starts the next function, end ends it.
func (g *graph) begin() { g.first = append(g.first, uint32(len(g.edges))) }

func (g *graph) end(weight int64, catches bool) {
	g.weight, g.catches = append(g.weight, weight), append(g.catches, catches)
}

// calls notes a call of function f.
func (g *graph) calls(f uint32) {
	if f >= g.m.importedFuncs {
		g.edges = append(g.edges, f-g.m.importedFuncs)
	}
}

// callsAny notes a call of whatever has type t.
func (g *graph) callsAny(t uint32) { g.edges = append(g.edges, g.functions()+g.class[t]) }

func (g *graph) functions() uint32 { return uint32(len(g.m.funcs)) - g.m.importedFuncs }

// callees are the nodes that node v leads to.
func (g *graph) callees(v uint32) []uint32 {
	if n := g.functions(); v >= n {
		return g.members[v-n]
	}
	return g.edges[g.first[v]:g.first[v+1]]
}

// judge decides which functions count their frames: those in a cycle of calls, those that catch, and those with more than
// spare bytes of frames that nobody counts below them. So what the others take is at most spare in all.
func (g *graph) judge(spare int64) {
	n := g.functions()
	g.first = append(g.first, uint32(len(g.edges)))
	g.members = make([][]uint32, len(g.class))
	for f := range n {
		if t := g.class[g.m.funcs[g.m.importedFuncs+f]]; g.m.taken[g.m.importedFuncs+f] {
			g.members[t] = append(g.members[t], f)
		}
	}
	g.counted, g.height = make([]bool, n), make([]int64, int(n)+len(g.class))
	g.components(func(nodes []uint32) {
		cyclic, below := len(nodes) > 1, int64(0)
		for _, v := range nodes {
			for _, w := range g.callees(v) {
				cyclic = cyclic || w == v
				below = max(below, g.height[w]) // 0 within the component: it has none yet
			}
		}
		for _, v := range nodes {
			g.height[v] = below
			if v >= n {
				continue
			}
			if g.counted[v] = cyclic || g.catches[v] || below+g.weight[v] > spare; !g.counted[v] {
				g.height[v] += g.weight[v]
			}
		}
	})
}

// components finds the strongly connected components (Tarjan's algorithm, without recursion), callees before callers.
func (g *graph) components(found func(nodes []uint32)) {
	type step struct{ node, next uint32 }
	total := len(g.height)
	order, low := make([]uint32, total), make([]uint32, total) // of discovery, from 1; low 0: in a component already
	var path []step
	var open []uint32
	count := uint32(0)
	enter := func(v uint32) {
		count++
		order[v], low[v] = count, count
		open, path = append(open, v), append(path, step{node: v})
	}
	for root := range uint32(total) {
		if order[root] == 0 {
			enter(root)
		}
		for len(path) > 0 {
			at := &path[len(path)-1]
			if next := g.callees(at.node); int(at.next) < len(next) {
				w := next[at.next]
				at.next++
				if order[w] == 0 {
					enter(w)
				} else if low[w] != 0 {
					low[at.node] = min(low[at.node], order[w])
				}
				continue
			}
			v := at.node
			path = path[:len(path)-1]
			if len(path) > 0 {
				up := path[len(path)-1].node
				low[up] = min(low[up], low[v])
			}
			if low[v] != order[v] {
				continue
			}
			k := len(open) - 1
			for open[k] != v {
				k--
			}
			found(open[k:])
			for _, w := range open[k:] {
				low[w] = 0
			}
			open = open[:k]
		}
	}
}
