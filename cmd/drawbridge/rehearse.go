package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"go.uber.org/zap"

	"drawbridge/certs"
	"drawbridge/config"
	"drawbridge/internal/logs"
	"drawbridge/internal/private"
	"drawbridge/internal/upstreams"
	"drawbridge/inventory"
)

// rehearse tells what serve would refuse of a configuration in which every key is right, by the very functions that serve calls:
// it looks at the data directory, and builds a generation in a folder that is thrown away. It asks no network, opens no socket
// and changes nothing. Faults stand under the name file.
func rehearse(cfg *config.Config, file string) (warnings []string, faults config.Faults) {
	rehearsed := *cfg
	tell := func(err error) {
		if err != nil {
			faults = append(faults, config.Fault{File: file, Problem: err.Error()})
		}
	}
	warning, err := lookAtDataDir(cfg)
	if errors.Is(err, fs.ErrPermission) {
		warning, err = "the data directory "+cfg.DataDir+" cannot be looked into by this user: run validate as the user that runs serve, "+
			"or as root, to have what is in it checked too", nil
		rehearsed.DataDir = "" // of the folder that is thrown away
	}
	if warning != "" {
		warnings = append(warnings, warning)
	}
	tell(err)
	tell(lookAtLogs(cfg.Log))
	folder, err := os.MkdirTemp("", "drawbridge-validate-")
	if err != nil {
		return append(warnings, fmt.Sprintf("whether the parts fit together was not tried, no folder for that can be made (%v): "+
			"set TMPDIR to one that can be written", err)), faults
	}
	defer func() { _ = os.RemoveAll(folder) }()
	if rehearsed.DataDir == "" {
		rehearsed.DataDir = folder
	}
	tell(rehearseBuild(&rehearsed, folder))
	return warnings, faults
}

// lookAtDataDir tells what serve would refuse of the data directory; where there is none yet, nothing.
func lookAtDataDir(cfg *config.Config) (warning string, err error) {
	info, err := os.Stat(cfg.DataDir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("look at the data directory: %w", err)
	case !info.IsDir():
		return "", fmt.Errorf("data_dir: %s is no folder: name another one", cfg.DataDir)
	}
	owner, known := private.Owner(cfg.DataDir)
	if known && owner != os.Geteuid() {
		warning = fmt.Sprintf("the data directory %s belongs to %s: serve must run as that user", cfg.DataDir, private.Name(owner))
	}
	err = errors.Join(namedByMistake(cfg.DataDir, info), private.Tree(cfg.DataDir, owner, nil), upstreams.CheckVault(cfg, cfg.DataDir))
	if issues(cfg) {
		err = errors.Join(err, certs.CheckCA(filepath.Join(cfg.DataDir, certificates)))
	}
	return warning, err
}

// lookAtLogs tells of a log file for which there is no place.
func lookAtLogs(cfg config.Log) error {
	for _, output := range cfg.Output {
		if output == "stderr" || output == "stdout" {
			continue
		}
		if _, err := os.Stat(filepath.Dir(output)); err != nil {
			return fmt.Errorf("open the log (log.output): %w: make the folder, or name another one", err)
		}
	}
	return nil
}

// rehearseBuild builds what serve builds, with folder in the place of the data directory for all that is made.
func rehearseBuild(cfg *config.Config, folder string) error {
	quiet := zap.NewNop()
	b := &bridge{logs: &logs.Logs{Events: quiet, Records: inventory.NewLog(quiet)}, data: &dataDir{path: folder}}
	if err := b.openGuard(cfg); err != nil {
		return err
	}
	if _, err := newIdentifier(cfg, b.ledger, quiet); err != nil {
		return err
	}
	g, err := b.build(cfg, nil)
	if err != nil {
		return err
	}
	g.services.Retire(nil)
	return nil
}
