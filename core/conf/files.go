package conf

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
)

// maxFile bounds a file that a value names.
const maxFile = 64 << 20

// fileCache holds the files that values name, so that a snapshot does not change with them.
type fileCache struct {
	mu   sync.Mutex
	read map[string]fileContent // guarded by mu
}

type fileContent struct {
	data []byte
	err  error
}

// readFile returns a regular file. What was read once is not read again.
func (s *snapshot) readFile(path string) ([]byte, error) {
	s.files.mu.Lock()
	defer s.files.mu.Unlock()
	if f, ok := s.files.read[path]; ok {
		return f.data, f.err
	}
	data, err := readRegular(path)
	if s.files.read == nil {
		s.files.read = map[string]fileContent{}
	}
	s.files.read[path] = fileContent{data, err}
	return data, err
}

// readRegular reads a file, but no device or pipe, which might never end.
func readRegular(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%s is larger than %d bytes", path, maxFile)
	}
	return data, err
}

// firstLine returns the first line of a file, as `myorigin = /file` means it.
func (s *snapshot) firstLine(path string) (string, error) {
	data, err := s.readFile(path)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(data), "\n")
	if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "/") {
		return "", fmt.Errorf("%s: a domain expected in the first line", path)
	}
	return line, nil
}
