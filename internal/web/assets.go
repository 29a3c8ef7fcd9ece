package web

import (
	"crypto/sha256"
	"encoding/hex"
	"mime"
	"net/http"
	"path"
)

// asset is a file that pages load.
type asset struct {
	body        []byte
	contentType string
	version     string // changes with the body, so that browsers may keep it for good
}

// loadAssets reads the embedded files, which are there or the program would not have been built.
func loadAssets() map[string]asset {
	all := make(map[string]asset)
	entries, _ := assetFiles.ReadDir("assets")
	for _, e := range entries {
		body, _ := assetFiles.ReadFile("assets/" + e.Name())
		sum := sha256.Sum256(body)
		all[e.Name()] = asset{body, contentType(path.Ext(e.Name())), hex.EncodeToString(sum[:6])}
	}
	return all
}

// contentType does not ask the machine's own table, which may lack them.
func contentType(extension string) string {
	switch extension {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return mime.TypeByExtension(extension)
}

// assetURL returns where a page loads an asset from.
func (d *dashboard) assetURL(name string) string {
	return "/assets/" + name + "?v=" + d.assets[name].version
}

func (d *dashboard) serveAsset(w http.ResponseWriter, r *http.Request) {
	a, ok := d.assets[r.PathValue("name")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", a.contentType)
	if r.URL.Query().Get("v") == a.version {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	_, _ = w.Write(a.body)
}
