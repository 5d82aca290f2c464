package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"roomrelay/internal/config"
)

func (p *program) configCommand() *cobra.Command {
	var markdown string
	c := p.command("config", "Show what is in force and where it comes from",
		"Writes the effective settings as a YAML file that says the same, with the source of each value. Secrets are left out. Nothing is connected.",
		config.Worker, func(_ context.Context, f *config.Flags) error {
			if markdown != "" {
				return p.document(markdown)
			}
			s, err := config.Load(f, p.environ)
			s.Print(p.out)
			for _, w := range s.Warnings {
				fmt.Fprintf(p.err, "roomrelay: %s\n", w)
			}
			return err
		})
	c.Flags().StringVar(&markdown, "markdown", "", "write the table of all settings in Markdown instead: to standard output, or between the markers of a `file`")
	c.Flags().Lookup("markdown").NoOptDefVal = "-"
	return c
}

// document writes the table of settings for the README.
func (p *program) document(file string) error {
	if file == "-" {
		fmt.Fprint(p.out, config.Markdown())
		return nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("reading the file to put the settings into: %w", err)
	}
	text, err := config.Update(string(b))
	if err != nil {
		return fmt.Errorf("putting the settings into %s: %w", file, err)
	}
	return os.WriteFile(file, []byte(text), 0o644)
}
