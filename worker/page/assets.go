package page

import (
	"embed"
	"io/fs"
	"net/http"
)

//go:embed assets
var assetFiles embed.FS

//go:embed templates
var templateFiles embed.FS

// assets serves styles and scripts. Their addresses have the version of the program, so that
// browsers can cache them.
func assets() http.Handler {
	folder, err := fs.Sub(assetFiles, "assets")
	if err != nil {
		panic(err) // embedded, so it always exists
	}
	files := http.StripPrefix("/ui/assets/", http.FileServerFS(folder))
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path[len(r.URL.Path)-1] == '/' {
			http.NotFound(rw, r) // no directory listings
			return
		}
		rw.Header().Set("Cache-Control", "private, max-age=3600")
		files.ServeHTTP(rw, r)
	})
}
