package deacon

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
)

func TestStepsAreUndoneInReverse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var did []string
		release := make(chan struct{})
		make := func(name string, fails error, deaf bool) step {
			return step{name: name, do: func(context.Context) error {
				did = append(did, name)
				return fails
			}, undo: func(context.Context) error {
				if deaf {
					<-release
					return nil
				}
				did = append(did, "-"+name)
				return nil
			}}
		}
		log := logrus.New()
		log.SetOutput(new(logged))
		broken := errors.New("broken")
		s := &steps{log: log}
		err := s.start(t.Context(), []step{make("a", nil, false), make("b", nil, true), make("c", nil, false), make("d", broken, false), make("e", nil, false)})
		if !errors.Is(err, broken) {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), stopBudget)
		defer cancel()
		began := time.Now()
		if err := s.stop(ctx); err == nil {
			t.Error("a step that does not end is not told")
		}
		if took := time.Since(began); took > stopBudget+lastChance {
			t.Errorf("the stop took %s", took)
		}
		if got, want := fmt.Sprint(did), "[a b c d -c -a]"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		close(release)
	})
}
