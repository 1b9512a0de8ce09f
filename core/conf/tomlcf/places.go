package tomlcf

import "github.com/pelletier/go-toml/v2/unstable"

// places say on which lines the keys of a text stand.
type places struct {
	top     map[string]int
	plugins []pluginPlace
}

// pluginPlace is the line of a [[plugin]] and of its keys.
type pluginPlace struct {
	line int
	keys map[string]int
}

// key returns the line of a key of the plugin, or of the plugin when the key has none.
func (p pluginPlace) key(name string) int {
	if line, ok := p.keys[name]; ok {
		return line
	}
	return p.line
}

// plugin returns the places of the n-th plugin.
func (p places) plugin(n int) pluginPlace {
	if n < len(p.plugins) {
		return p.plugins[n]
	}
	return pluginPlace{line: p.top["plugin"]}
}

// locate finds the keys of data, which is valid TOML.
func locate(data []byte) places {
	found := places{top: map[string]int{}}
	var parser unstable.Parser
	parser.Reset(data)
	inPlugin, inner := false, false
	for parser.NextExpression() {
		e := parser.Expression()
		names, line := keyOf(&parser, e)
		if len(names) == 0 {
			continue
		}
		switch e.Kind {
		case unstable.ArrayTable, unstable.Table:
			inPlugin, inner = names[0] == "plugin", len(names) > 1
			if inPlugin && !inner {
				found.plugins = append(found.plugins, pluginPlace{line, map[string]int{}})
			}
			found.note(names[0], line)
		case unstable.KeyValue:
			switch n := len(found.plugins); {
			case inPlugin && !inner && n > 0:
				found.plugins[n-1].keys[names[0]] = line
			case !inPlugin:
				found.note(names[0], line)
			}
		}
	}
	return found
}

// note remembers where a name stands first.
func (p *places) note(name string, line int) {
	if _, ok := p.top[name]; !ok {
		p.top[name] = line
	}
}

// keyOf returns the parts of the key of an expression and its line.
func keyOf(parser *unstable.Parser, e *unstable.Node) (names []string, line int) {
	switch e.Kind {
	case unstable.ArrayTable, unstable.Table, unstable.KeyValue:
	default:
		return nil, 0
	}
	for it := e.Key(); it.Next(); {
		if len(names) == 0 {
			line = parser.Shape(it.Node().Raw).Start.Line
		}
		names = append(names, string(it.Node().Data))
	}
	return names, line
}
