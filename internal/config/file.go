package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"
)

// fromFile reads a flat YAML mapping of settings.
func (l *loading) fromFile(path string) {
	wrong := func(problem string) {
		l.mistakes = append(l.mistakes, Mistake{Name: "config", Got: path, Problem: problem})
	}
	text, err := os.ReadFile(path)
	if err != nil {
		wrong("takes a file that can be read: " + err.Error())
		return
	}
	in := yaml.NewDecoder(bytes.NewReader(text))
	var doc, next yaml.Node
	if err := in.Decode(&doc); errors.Is(err, io.EOF) {
		return // an empty file says nothing
	} else if err != nil {
		// The library's text names the line, and may quote from it: no secret may pass.
		wrong("is no YAML" + lineOf(err))
		return
	}
	if err := in.Decode(&next); !errors.Is(err, io.EOF) {
		wrong("takes one document: what follows --- would be left out")
	}
	top := doc.Content[0]
	if top.Kind != yaml.MappingNode {
		wrong("takes lines such as \"topic: chat\"")
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(top.Content); i += 2 {
		name, node := top.Content[i], top.Content[i+1]
		source := fmt.Sprintf("%s:%d", path, name.Line)
		if before := seen[name.Value]; before != 0 {
			l.mistakes = append(l.mistakes, Mistake{Name: name.Value, Source: source, Problem: fmt.Sprintf("is there already in line %d", before)})
			continue
		}
		seen[name.Value] = name.Line
		l.fromNode(name.Value, source, node)
	}
}

// lineOf finds "line 3" in a YAML error.
func lineOf(err error) string {
	_, rest, ok := strings.Cut(err.Error(), "line ")
	if !ok {
		return ""
	}
	number, _, _ := strings.Cut(rest, ":")
	return " from line " + number + " on"
}

func (l *loading) fromNode(name, source string, node *yaml.Node) {
	x := lookup(l.sections, name)
	if x == nil {
		l.mistakes = append(l.mistakes, Mistake{Name: name, Source: source, Problem: "there is no such setting" + l.meant(name, func(s string) string { return s })})
		return
	}
	if !x.of(l.use) {
		return // one file may serve every command
	}
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	switch {
	case node.Kind == yaml.ScalarNode && node.Tag == "!!null":
		// "topic:" says nothing, as an empty variable does.
	case node.Kind == yaml.ScalarNode:
		l.set(x, source, []string{node.Value})
	case node.Kind == yaml.SequenceNode:
		l.fromList(x, source, node)
	default:
		l.mistaken(x, source, "", "takes one value, not a mapping")
	}
}

func (l *loading) fromList(x *setting, source string, node *yaml.Node) {
	list, ok := x.value.(listValue)
	if !ok {
		l.mistaken(x, source, "", "takes one value, not a list")
		return
	}
	var all []string
	for _, item := range node.Content {
		if item.Kind != yaml.ScalarNode || item.Tag == "!!null" {
			l.mistaken(x, source, "", "takes a list of texts")
			return
		}
		all = append(all, item.Value)
	}
	if err := list.setAll(all); err != nil {
		l.mistaken(x, source, strings.Join(all, ","), err.Error())
		return
	}
	l.sources[x.name] = source
	delete(l.wrong, x.name)
}
