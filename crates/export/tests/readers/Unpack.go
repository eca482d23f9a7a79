// Unpacks files with Go's own library: each FILE.csv.gz and FILE.csv.zip into FILE.csv.gz.go and FILE.csv.zip.go.
package main

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"strings"
)

func unpack(path string) ([]byte, error) {
	packed, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(path, ".gz") {
		member, err := gzip.NewReader(bytes.NewReader(packed))
		if err != nil {
			return nil, err
		}
		return io.ReadAll(member)
	}
	archive, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		return nil, err
	}
	if len(archive.File) != 1 {
		return nil, fmt.Errorf("%d entries", len(archive.File))
	}
	entry, err := archive.File[0].Open()
	if err != nil {
		return nil, err
	}
	return io.ReadAll(entry)
}

func main() {
	for _, path := range os.Args[1:] {
		plain, err := unpack(path)
		if err == nil {
			err = os.WriteFile(path+".go", plain, 0o644)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, path, err)
			os.Exit(1)
		}
	}
}
