// Command drawbridge keeps devices with old TLS reading their mail, and tells their owners what to replace before the
// bridge is raised. This package is the only place where its parts are joined; each subcommand has a file.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/config"
)

// version is set by the linker: -ldflags "-X main.version=1.2.3".
var version = "development"

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// The exit codes of every command.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// run is the whole command, so that tests can call it too.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	var usage *usageError
	if errors.As(err, &usage) || isCobraUsage(err) {
		tell(stderr, fmt.Sprintf("drawbridge: %v; see drawbridge --help\n", err))
		return exitUsage
	}
	var told *toldError
	if !errors.As(err, &told) {
		tell(stderr, fmt.Sprintf("drawbridge: %v\n", err))
	}
	return exitFailed
}

// tell writes the last words of a command. A pipe that nobody reads must not keep it from ending.
func tell(stderr io.Writer, words string) {
	told := make(chan struct{})
	go func() {
		_, _ = io.WriteString(stderr, words)
		close(told)
	}()
	select {
	case <-told:
	case <-time.After(lastWords):
	}
}

// usageError is a command line that is wrong.
type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

// toldError is a failure that the command has put into words already.
type toldError struct{ error }

func (e *toldError) Unwrap() error { return e.error }

// isCobraUsage knows the command lines that cobra itself refuses, which have no type of their own.
func isCobraUsage(err error) bool {
	return strings.HasPrefix(err.Error(), "unknown command") || strings.HasPrefix(err.Error(), "required flag")
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "drawbridge",
		Short: "Keeps devices with old TLS reading their mail",
		Long: `Drawbridge lets devices that cannot speak modern TLS keep reading their mail by IMAP and POP3,
and tells their owner, device by device, what must be replaced before the bridge is raised.`,
		Example: `  drawbridge demo                                  a bridge, devices and a mail server, all on loopback
  drawbridge validate --config drawbridge.yaml     every fault of a configuration, with its mend
  drawbridge serve --config drawbridge.yaml        the bridge`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	root.AddCommand(newServe(), newDemo(), newValidate(), newCerts(), newAccount(), newHealthcheck(), newVersion(), newCompletion(),
		newDoctor(), newTry(), newInventory(), newDevice(), newExplain(), newStages(), newNotices())
	root.SetHelpCommand(newHelp(root))
	root.CompletionOptions.DisableDefaultCmd = true
	fillIn(root)
	return root
}

// fillIn gives a command, and those below it, what they say nothing else about: no arguments, and help where nothing is to be done.
func fillIn(c *cobra.Command) {
	if c.Args == nil {
		c.Args = noArguments
	}
	if c.RunE == nil {
		c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	}
	for _, sub := range c.Commands() {
		fillIn(sub)
	}
}

// planned are the commands that are to come.
var planned = []string{"bans", "reload"}

// noArguments refuses arguments, as cobra.NoArgs does, in words for people.
func noArguments(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if !c.HasParent() {
		return unknownCommand(c, args[0])
	}
	return &usageError{fmt.Errorf("%s takes no %q", c.CommandPath(), args[0])}
}

// notBuiltYet is told whoever calls a command that is to come.
func notBuiltYet(command string) error {
	return &usageError{fmt.Errorf("%s is not built yet", command)}
}

func unknownCommand(root *cobra.Command, name string) error {
	if slices.Contains(planned, name) {
		return notBuiltYet("drawbridge " + name)
	}
	root.SuggestionsMinimumDistance = 2
	if like := root.SuggestionsFor(name); len(like) > 0 {
		return &usageError{fmt.Errorf("there is no command %q, did you mean %s?", name, strings.Join(like, " or "))}
	}
	return &usageError{fmt.Errorf("there is no command %q", name)}
}

// newHelp is cobra's help command, but for topics that do not exist.
func newHelp(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Help about a command",
		Example: "  drawbridge help certs export",
		Args:    cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			c, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return unknownCommand(root, args[0])
			}
			return c.Help()
		},
	}
}

// newCompletion prints a script that completes drawbridge's commands and flags.
func newCompletion() *cobra.Command {
	scripts := map[string]func(*cobra.Command, io.Writer) error{
		"bash":       func(c *cobra.Command, w io.Writer) error { return c.GenBashCompletionV2(w, true) },
		"zsh":        func(c *cobra.Command, w io.Writer) error { return c.GenZshCompletion(w) },
		"fish":       func(c *cobra.Command, w io.Writer) error { return c.GenFishCompletion(w, true) },
		"powershell": func(c *cobra.Command, w io.Writer) error { return c.GenPowerShellCompletionWithDesc(w) },
	}
	shells := slices.Sorted(maps.Keys(scripts))
	return &cobra.Command{
		Use:       "completion SHELL",
		Short:     "Print a completion script: " + strings.Join(shells, ", "),
		Example:   "  drawbridge completion bash > /etc/bash_completion.d/drawbridge",
		ValidArgs: shells,
		Args:      cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 || scripts[args[0]] == nil {
				return &usageError{fmt.Errorf("completion needs one shell (%s), not %q", strings.Join(shells, ", "), strings.Join(args, " "))}
			}
			return scripts[args[0]](c.Root(), c.OutOrStdout())
		},
	}
}

// configFlag adds --config to a command.
func configFlag(c *cobra.Command, path *string) {
	c.Flags().StringVarP(path, "config", "c", "", "the configuration `FILE`; without it the built-in defaults hold")
	_ = c.MarkFlagFilename("config", "yaml", "yml")
}

// configured adds --config to a command, and has do run it with the configuration that it names.
func configured(c *cobra.Command, do func(c *cobra.Command, args []string, cfg *config.Config) error) *cobra.Command {
	var path string
	configFlag(c, &path)
	c.RunE = func(c *cobra.Command, args []string) error {
		cfg, err := loadConfig(path)
		if err != nil {
			return err
		}
		return do(c, args, cfg)
	}
	return c
}

// withJSON adds --json to a command.
func withJSON(c *cobra.Command) *cobra.Command {
	c.Flags().Bool("json", false, "print JSON")
	return c
}

func wantsJSON(c *cobra.Command) bool {
	on, _ := c.Flags().GetBool("json")
	return on
}

// answer prints what a command found: as JSON where --json asks for it, else by text.
func answer(c *cobra.Command, found any, text func(io.Writer) error) error {
	if wantsJSON(c) {
		return json.NewEncoder(c.OutOrStdout()).Encode(found)
	}
	return text(c.OutOrStdout())
}

// atLeastOne wants an argument or several, which are told by what.
func atLeastOne(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return &usageError{fmt.Errorf("%s needs %s", c.CommandPath(), what)}
		}
		return nil
	}
}

// oneArgument wants exactly one argument, called what.
func oneArgument(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != 1 || args[0] == "" {
			return &usageError{fmt.Errorf("%s needs one %s, not %q", c.CommandPath(), what, strings.Join(args, " "))}
		}
		return nil
	}
}
