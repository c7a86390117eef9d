package e2e

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"gastown/planes/doltdb"
	"gastown/planes/exchange"
	"gastown/planes/federation"
	"gastown/planes/ledger"
	"gastown/planes/operational"
)

// A plane's Store hides its database. A holder of a Store cannot run SQL or begin a
// transaction, not even through parameters, results or callbacks of its methods. A
// write that bypasses the plane would make its caches wrong.
func TestPlanesHideTheirDatabase(t *testing.T) {
	forbidden := []reflect.Type{
		reflect.TypeFor[doltdb.Tx](), reflect.TypeFor[doltdb.Local](), reflect.TypeFor[doltdb.Shared](),
	}
	for name, store := range map[string]reflect.Type{
		"exchange":    reflect.TypeFor[*exchange.Store](),
		"federation":  reflect.TypeFor[*federation.Store](),
		"ledger":      reflect.TypeFor[*ledger.Store](),
		"operational": reflect.TypeFor[*operational.Store](),
	} {
		s := seal{forbidden: forbidden, seen: map[reflect.Type]bool{}}
		s.walk("", store)
		for _, leak := range s.leaks {
			t.Errorf("planes/%s: Store%s", name, leak)
		}
	}
}

// The walk finds each kind of leak in a made-up type.
func TestSealFindsLeaks(t *testing.T) {
	type leaky struct {
		Handle *doltdb.Shared
		Call   func(map[string]func(*doltdb.Rows) error)
		hidden *doltdb.Local
	}
	s := seal{forbidden: []reflect.Type{reflect.TypeFor[doltdb.Shared](), reflect.TypeFor[doltdb.Local]()}, seen: map[reflect.Type]bool{}}
	_ = leaky{}.hidden // what is not exported is no leak
	s.walk("", reflect.TypeFor[leaky]())
	if len(s.leaks) != 2 {
		t.Errorf("%q", s.leaks)
	}
}

// seal finds the ways from a type to forbidden ones and to those of database/sql.
type seal struct {
	forbidden []reflect.Type
	seen      map[reflect.Type]bool
	leaks     []string
}

func (s *seal) walk(path string, at reflect.Type) {
	if s.seen[at] {
		return
	}
	s.seen[at] = true
	if s.isForbidden(at) || at.Kind() == reflect.Pointer && s.isForbidden(at.Elem()) {
		s.leaks = append(s.leaks, fmt.Sprintf("%s gives access to %s", path, at))
		return
	}
	for m := range at.Methods() {
		s.walk(path+"."+m.Name, m.Type)
	}
	switch at.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Chan:
		s.walk(path, at.Elem())
	case reflect.Map:
		s.walk(path, at.Key())
		s.walk(path, at.Elem())
	case reflect.Struct:
		for f := range at.Fields() {
			if f.IsExported() {
				s.walk(path+"."+f.Name, f.Type)
			}
		}
	case reflect.Func:
		for in := range at.Ins() {
			s.walk(path, in)
		}
		for out := range at.Outs() {
			s.walk(path, out)
		}
	}
}

func (s *seal) isForbidden(at reflect.Type) bool {
	return at.PkgPath() == "database/sql" || at.PkgPath() == "database/sql/driver" || slices.Contains(s.forbidden, at)
}
