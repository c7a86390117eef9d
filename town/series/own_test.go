package series

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
)

// A place that is not the caller's any more is left as it is.
func TestAnotherOwner(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "series")
	log := logrus.New()
	log.SetLevel(logrus.PanicLevel)
	var own error
	s := New(Options{Dir: dir, Log: log, Now: time.Now, Own: func() error { return own }})
	s.Start()
	if err := s.Problem(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir, dir+".former"); err != nil {
		t.Fatal(err)
	}
	own = errors.New("another one works here")
	if err := s.Append(t.Context(), time.Now(), nil); !errors.Is(err, own) {
		t.Errorf("appended: %v", err)
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	if all, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(all) != 1 || all[0].Name() != "series.former" {
		t.Errorf("%v, %v", all, err)
	}
}
