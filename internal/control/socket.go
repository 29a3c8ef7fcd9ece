package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// socketFile is the socket's name in the data directory.
const socketFile = "control.sock"

// maxSocketPath is how long the path of a Unix socket may be (sun_path of unix(7)), its ending NUL not counted.
const maxSocketPath = 107

// Listen opens the socket of the data directory dir, by which commands speak to the running bridge. Only its owner may: mode
// 0600 in a directory of mode 0700. The caller holds the directory's lock, so a socket that is there already is a dead one,
// and closes the listener; the socket's file stays.
func Listen(dir string) (net.Listener, error) {
	path := filepath.Join(dir, socketFile)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove the old control socket: %w", err)
	}
	var l net.Listener
	err := withSocketPath(path, func(short string) (err error) {
		l, err = net.Listen("unix", short)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open the control socket: %w", err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	// It was made with the umask's mode. Until now the directory's keeps others out.
	if err := os.Chmod(path, 0o600); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("close the control socket to others: %w", err)
	}
	return l, nil
}

// ListenOwner opens a Unix socket at path that only the user of this process can open, from its first moment on. A dead socket in its
// place is replaced, anything else is not. The caller closes the listener; the socket's file stays.
func ListenOwner(path string) (l net.Listener, err error) {
	if err := replaceable(path); err != nil {
		return nil, err
	}
	private, err := os.MkdirTemp(filepath.Dir(path), ".drawbridge-") // 0700: none can open what is made in it
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(private) }()
	made := filepath.Join(private, socketFile)
	if err = withSocketPath(made, func(short string) (err error) { l, err = net.Listen("unix", short); return err }); err != nil {
		return nil, err
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if err = errors.Join(os.Chmod(made, 0o600), os.Rename(made, path)); err != nil {
		_ = l.Close()
		return nil, err
	}
	return l, nil
}

// replaceable tells why a socket cannot take the place of what is at path.
func replaceable(path string) error {
	switch info, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s is there and is no socket", path)
	}
	if c, err := net.Dial("unix", path); err == nil {
		_ = c.Close()
		return fmt.Errorf("another process answers at %s", path)
	}
	return nil
}

// withSocketPath calls do with path, or, where that is too long for a socket, with a short path through an open file
// descriptor of its folder (Linux).
func withSocketPath(path string, do func(path string) error) error {
	if len(path) <= maxSocketPath {
		return do(path)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	return do("/proc/self/fd/" + strconv.Itoa(int(dir.Fd())) + "/" + filepath.Base(path))
}

// client speaks HTTP with the bridge that has the data directory dir.
func client(dir string, timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (c net.Conn, err error) {
				err = withSocketPath(filepath.Join(dir, socketFile), func(short string) (err error) {
					var d net.Dialer
					c, err = d.DialContext(ctx, "unix", short)
					return err
				})
				return c, err
			},
		},
	}
}
