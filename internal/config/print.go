package config

import (
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Print writes the effective configuration as a YAML file that says the same, with where each value came
// from. Secrets are left out.
func (s *Settings) Print(w io.Writer) {
	for i, part := range s.table() {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "# %s\n", part.title)
		for _, x := range part.settings {
			v := x.value.String()
			switch {
			case x.secret && v == "":
				fmt.Fprintf(w, "# %s: not set\n", x.name)
			case x.secret:
				fmt.Fprintf(w, "# %s: set  # %s\n", x.name, s.Source(x.name))
			case v == "":
				fmt.Fprintf(w, "# %s:\n", x.name)
			default:
				fmt.Fprintf(w, "%s: %s  # %s\n", x.name, plainYAML(x.value), s.Source(x.name))
			}
		}
	}
}

// plainYAML is the value in one line.
func plainYAML(v value) string {
	node := yaml.Node{Kind: yaml.ScalarNode, Value: v.String()}
	switch v := v.(type) {
	case listValue:
		node = yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for _, s := range *v.at {
			item := yaml.Node{}
			item.SetString(s)
			node.Content = append(node.Content, &item)
		}
	case textValue, optional, choice:
		node.SetString(v.String())
	}
	b, err := yaml.Marshal(&node)
	if err != nil {
		return fmt.Sprintf("%q", v.String())
	}
	// Lines that the library folds would be no comment's beginning any more.
	return strings.Join(strings.Fields(string(b)), " ")
}

// Markdown is the table of settings for the README.
func Markdown() string {
	var b strings.Builder
	b.WriteString("Each name is a flag (`--topic`), a variable (`ROOMRELAY_TOPIC`) and a key of the file (`topic: chat`).\n")
	for _, part := range Defaults().table() {
		fmt.Fprintf(&b, "\n**%s**\n\n| setting | default | |\n|---|---|---|\n", part.title)
		for _, x := range part.settings {
			help := x.help
			if v, ok := x.value.(choice); ok {
				help += ": `" + strings.Join(v.of, "`, `") + "`"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", x.name, x.defaultText(), help)
		}
	}
	return b.String()
}

func (x *setting) defaultText() string {
	switch v := x.value.String(); {
	case x.required:
		return "required"
	case x.byDef != "":
		return x.byDef
	case v == "":
		return ""
	default:
		return "`" + v + "`"
	}
}

// Markers between which the README has the table.
const (
	markBegin = "<!-- settings -->\n"
	markEnd   = "<!-- /settings -->"
)

// Update returns the README with the current table between its markers.
func Update(readme string) (string, error) {
	before, rest, ok := strings.Cut(readme, markBegin)
	if !ok {
		return "", fmt.Errorf("there is no line %s", strings.TrimSpace(markBegin))
	}
	_, after, ok := strings.Cut(rest, markEnd)
	if !ok {
		return "", fmt.Errorf("there is no line %s", markEnd)
	}
	return before + markBegin + Markdown() + markEnd + after, nil
}

// Usage writes the command's settings for --help, by section, in lines of at most width.
func Usage(w io.Writer, use Use, width int) {
	for _, part := range Defaults().table() {
		title := part.title + ":\n"
		for _, x := range part.settings {
			if !x.of(use) {
				continue
			}
			fmt.Fprint(w, title)
			title = ""
			flag := "--" + x.name
			if k := x.value.kind(); k != "" {
				flag += " " + k
			}
			fmt.Fprintf(w, "  %s\n", flag)
			def := ""
			if d := strings.ReplaceAll(x.defaultText(), "`", ""); d == "required" {
				def = " (required)"
			} else if d != "" && d != "false" {
				def = " (default " + d + ")"
			}
			Wrap(w, x.help+def, "      ", width)
		}
		if title == "" {
			fmt.Fprintln(w)
		}
	}
}

// Wrap writes text with an indent in lines of at most width, if its words allow.
func Wrap(w io.Writer, text, indent string, width int) {
	line := indent
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == indent:
			line += word
		case len([]rune(line))+1+len([]rune(word)) <= width:
			line += " " + word
		default:
			fmt.Fprintln(w, line)
			line = indent + word
		}
	}
	fmt.Fprintln(w, line)
}
