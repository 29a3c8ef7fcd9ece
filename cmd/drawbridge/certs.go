package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"drawbridge/certs"
	"drawbridge/config"
	"drawbridge/internal/control"
	"drawbridge/internal/terminal"
)

func newCerts() *cobra.Command {
	c := &cobra.Command{
		Use:   "certs",
		Short: "The local certificate authority and the listeners' certificates",
		Example: `  drawbridge certs export --format der --out drawbridge-ca.cer
  drawbridge certs list`,
	}
	c.AddCommand(newCertsCA(), newCertsIssue(), newCertsList(), newCertsExport())
	return c
}

func newCertsCA() *cobra.Command {
	return onCA(withJSON(&cobra.Command{
		Use:     "ca",
		Short:   "Create the local CA if there is none, and describe it",
		Example: "  drawbridge certs ca --config drawbridge.yaml",
	}), func(c *cobra.Command, _ []string, ca *certs.CA) error {
		cert := ca.Certificate()
		a := struct {
			Subject     string    `json:"subject"`
			Fingerprint string    `json:"fingerprint"` // SHA-256, hex
			NotBefore   time.Time `json:"not_before"`
			NotAfter    time.Time `json:"not_after"`
		}{cert.Subject.String(), ca.Fingerprint(), cert.NotBefore.UTC(), cert.NotAfter.UTC()}
		return answer(c, a, func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "%s\nvalid until %s\nSHA-256 %s\nImport it into devices: drawbridge certs export\n",
				a.Subject, a.NotAfter.Format(time.DateOnly), a.Fingerprint)
			return err
		})
	})
}

func newCertsExport() *cobra.Command {
	var format, outFile string
	c := &cobra.Command{
		Use:   "export",
		Short: "Export the local CA's certificate, for import into devices",
		Long: `Exports the certificate (never the key) of the local CA, in the form that the device takes: pem, der
(.cer, .crt) or pkcs7 (.p7b).`,
		Example: "  drawbridge certs export --format der --out drawbridge-ca.cer",
	}
	c.Flags().StringVar(&format, "format", "pem", "the form: pem, der or pkcs7")
	c.Flags().StringVarP(&outFile, "out", "o", "", "write to this `FILE` instead of standard output")
	return onCA(c, func(c *cobra.Command, _ []string, ca *certs.CA) error {
		data, err := ca.Export(format)
		if err != nil {
			return &usageError{err}
		}
		if outFile != "" {
			return os.WriteFile(outFile, data, 0o644) //nolint:gosec // a certificate is public
		}
		if format != "pem" && terminal.Is(c.OutOrStdout()) {
			return fmt.Errorf("%s is no text: add --out and a file name", format)
		}
		_, err = c.OutOrStdout().Write(data)
		return err
	})
}

func newCertsIssue() *cobra.Command {
	var certFile, keyFile string
	c := &cobra.Command{
		Use:   "issue NAME...",
		Short: "Issue a certificate of the local CA for names and addresses",
		Long: `Issues a certificate for all the names and addresses given, with a key of its own, for another server that the
same devices trust. The bridge's own certificates need no command.`,
		Example: "  drawbridge certs issue fax.contoso.local 10.20.0.6 --cert fax.pem --key fax.key",
		Args:    atLeastOne("at least one DNS name or address"),
	}
	c.Flags().StringVar(&certFile, "cert", "certificate.pem", "write the certificate to this `FILE`")
	c.Flags().StringVar(&keyFile, "key", "certificate.key", "write its private key to this `FILE`, readable by its owner only")
	return onCA(c, func(_ *cobra.Command, names []string, ca *certs.CA) error {
		cert, key, err := ca.Issue(names)
		if err != nil {
			return err
		}
		if err := writeNew(keyFile, "--key", key, 0o600); err != nil {
			return err
		}
		return writeNew(certFile, "--cert", cert, 0o644)
	})
}

// writeNew writes the file that a flag names, which must not exist yet, nor be a link to elsewhere.
func writeNew(path, flag string, data []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists already: name another file with %s, or remove it", path, flag)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

func newCertsList() *cobra.Command {
	return configured(withJSON(&cobra.Command{
		Use:     "list",
		Short:   "List the listeners' certificates",
		Example: "  drawbridge certs list --config drawbridge.yaml --json",
	}), func(c *cobra.Command, _ []string, cfg *config.Config) error {
		list, err := listCertificates(c.Context(), cfg)
		if err != nil {
			return err
		}
		return answer(c, list, func(w io.Writer) error { return printCertificates(w, list) })
	})
}

// listCertificates asks the running bridge, which alone knows what could not be issued or renewed; while none runs it looks at
// what is stored.
func listCertificates(ctx context.Context, cfg *config.Config) (list []certs.Facts, err error) {
	remote := func() (err error) {
		list, err = control.Certificates(ctx, cfg.DataDir)
		return err
	}
	local := func() error {
		s, err := openCertificates(ctx, cfg, filepath.Join(cfg.DataDir, certificates), zap.NewNop())
		if err == nil {
			list = s.List()
		}
		return err
	}
	err = onData(ctx, cfg, remote, local, certificates)
	return list, err
}

func printCertificates(out io.Writer, list []certs.Facts) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "KIND\tNAMES\tVALID UNTIL\tSHA-256\tMESSAGE\tNOTE")
	for _, f := range list {
		note := f.LastError
		if note == "" && f.Fallback {
			note = "the local CA serves until ACME has issued"
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d bytes\t%s\n", f.Kind, strings.Join(f.Names, " "), f.NotAfter.Format(time.DateOnly),
			f.Fingerprint[:16]+"…", f.MessageSize, note)
	}
	return w.Flush()
}

// onCA adds --config to a command, and has do run it with the CA of the data directory that it names. Files that it makes
// belong to whom the directory belongs.
func onCA(c *cobra.Command, do func(c *cobra.Command, args []string, ca *certs.CA) error) *cobra.Command {
	return configured(c, func(c *cobra.Command, args []string, cfg *config.Config) error {
		return inDataDir(cfg, func(dir string) error {
			ca, err := certs.OpenCA(dir)
			if err != nil {
				return err
			}
			return do(c, args, ca)
		})
	})
}

// inDataDir calls do with the certificates folder of a configuration. While a bridge runs, which holds the lock, the
// folder is shared with it: the certificates' own locks see to that.
func inDataDir(cfg *config.Config, do func(dir string) error) error {
	d, err := openDataDir(cfg.DataDir)
	if err != nil && !errors.Is(err, errLocked) {
		return err
	}
	if d != nil {
		defer func() { _ = d.Close() }()
	}
	if err := do(filepath.Join(cfg.DataDir, certificates)); err != nil {
		return err
	}
	return keepOwners(cfg.DataDir, lockFile, certificates)
}

// openCertificates opens the certificates of a configuration.
func openCertificates(ctx context.Context, cfg *config.Config, dir string, logger *zap.Logger) (*certs.Source, error) {
	o := certs.Options{Dir: dir, Logger: logger}
	for _, c := range cfg.Certificates {
		o.Entries = append(o.Entries, certificateEntry(ctx, c))
	}
	return certs.New(o)
}

func certificateEntry(ctx context.Context, c config.Certificate) certs.Entry {
	switch {
	case c.ACME != nil:
		e := &certs.ACME{Names: c.ACME.Names, Email: c.ACME.Email, Directory: c.ACME.Directory, CAFile: c.ACME.CA,
			HTTPAddress: c.ACME.HTTP, TLSALPNAddress: c.ACME.TLSALPN}
		if x := c.ACME.ExternalAccount; x != nil {
			e.External = &certs.ExternalAccount{ID: x.ID, Key: x.Key}
		}
		return certs.Entry{ACME: e}
	case c.File != nil:
		return certs.Entry{File: &certs.File{Certificate: c.File.Certificate, Key: c.File.Key}}
	}
	names := c.LocalCA.Names
	if len(names) == 0 {
		names = certs.DefaultNames(ctx)
	}
	return certs.Entry{LocalCA: &certs.LocalCA{Names: names}}
}
