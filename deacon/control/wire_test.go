package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gastown/planes/ledger"
	"gastown/town"
)

// drawn fills a value of any type of the ledger's: lists that are nil or empty,
// pointers to nothing or to a zero.
func drawn(t *rapid.T, v reflect.Value) {
	switch v.Interface().(type) {
	case time.Time:
		at := time.UnixMicro(rapid.Int64Range(-1e15, 1e17).Draw(t, "time")).UTC()
		if rapid.Bool().Draw(t, "zero") {
			at = time.Time{}
		}
		v.Set(reflect.ValueOf(at))
		return
	case map[string]json.RawMessage:
		if n := rapid.IntRange(-1, 2).Draw(t, "extra"); n >= 0 {
			m := map[string]json.RawMessage{}
			for i := range n {
				m[fmt.Sprint(rapid.String().Draw(t, "key"), i)] = json.RawMessage(rapid.SampledFrom([]string{`null`, `1.50`, `{"<":[]}`, `"a b"`, `[1,2]`}).Draw(t, "value"))
			}
			v.Set(reflect.ValueOf(m))
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() { // the others are not for callers
				drawn(t, f)
			}
		}
	case reflect.Pointer:
		if rapid.Bool().Draw(t, "there") {
			v.Set(reflect.New(v.Type().Elem()))
			drawn(t, v.Elem())
		}
	case reflect.Slice:
		if n := rapid.IntRange(-1, 2).Draw(t, "length"); n >= 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				drawn(t, v.Index(i))
			}
		}
	case reflect.Map:
		if rapid.Bool().Draw(t, "there") {
			v.Set(reflect.ValueOf(map[string]int{rapid.String().Draw(t, "key"): rapid.Int().Draw(t, "n")}))
		}
	case reflect.String:
		v.SetString(rapid.String().Draw(t, "text"))
	case reflect.Int, reflect.Int64:
		v.SetInt(rapid.Int64().Draw(t, "number"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	default:
		t.Fatalf("a field of kind %s", v.Kind())
	}
}

// Whatever the ledger answers arrives as it was, nil or empty, or is refused.
func TestAnswersArriveAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a, got Answer
		drawn(t, reflect.ValueOf(&a).Elem())
		data, err := a.encode()
		if err != nil {
			if !errors.Is(err, town.ErrUsage) || !strings.Contains(fmt.Sprintf("%+v", a), `ufffd`) {
				t.Fatal(err)
			}
			return
		}
		if err := json.Unmarshal(data, &got); err != nil || !reflect.DeepEqual(got, a) {
			t.Fatalf("%v:\n%+v\nbecame\n%+v\n%s", err, a, got, data)
		}
	})
}

// So does whatever is asked.
func TestQueriesArriveAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q, got Query
		drawn(t, reflect.ValueOf(&q).Elem())
		data, err := encode(q)
		if err != nil {
			if !strings.Contains(fmt.Sprintf("%+v", q), `ufffd`) {
				t.Fatal(err)
			}
			return
		}
		if err := json.Unmarshal(data, &got); err != nil || !reflect.DeepEqual(got, q) {
			t.Fatalf("%v:\n%+v\nbecame\n%+v\n%s", err, q, got, data)
		}
	})
}

func TestTextThatIsNoUTF8IsNotSent(t *testing.T) {
	for _, bad := range []string{"\xff", "a\xc3", "x\xed\xa0\x80"} {
		a := Answer{Items: []ledger.Item{{Bead: town.Bead{ID: "gt-1", Assignee: bad}}}}
		if _, err := a.encode(); err == nil {
			t.Errorf("%q was sent", bad)
		}
	}
	fine := Answer{Items: []ledger.Item{{Bead: town.Bead{ID: "gt-1", Title: "\uFFFD"}}}}
	if _, err := fine.encode(); err != nil {
		t.Error(err)
	}
}

// Hostile questions reach no ledger.
func TestQuestionsAreChecked(t *testing.T) {
	h := Handler(Deacon{})
	for _, body := range []string{
		``, `{}`, `[]`, `null`, `{"read":"drop"}`, `{"read":"list","ids":null,"fields":null,"filter":{}}`, `{"read":"list","filter":{"Limit":501}}`,
		`{"read":"list","filter":{"Limit":-1}}`, `{"read":"ready","filter":{"Limit":5,"Offset":-3}}`, `{"read":"get","more":1}`,
		`{"read":"get","ids":[` + strings.Repeat(`"a",`, maxIDs) + `"a"]}`, `{"read":"stats"} {}`,
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", "/v1/ledger", strings.NewReader(body)))
		if w.Code != 400 {
			t.Errorf("%s: %d", body, w.Code)
		}
	}
}

// A client that waits for a long read is told that somebody is at it, and one
// that meets a fault of the Deacon gets an error.
func TestALongReadSaysSo(t *testing.T) {
	told := make(chan string, 1)
	client := serve(t, Deacon{Read: func(ctx context.Context, q Query) (Answer, error) {
		if q.Read == ReadStats {
			panic("a fault")
		}
		select {
		case <-told:
			return Answer{Queries: 7}, nil
		case <-ctx.Done():
			return Answer{}, ctx.Err()
		}
	}})
	client.Waiting = func(what string) { told <- what }
	r := client.Reader()
	if _, err := r.Get(t.Context(), nil, nil); err != nil || r.Queries() != 7 {
		t.Errorf("%d queries, %v", r.Queries(), err)
	}
	if _, err := r.Stats(t.Context()); err == nil || !strings.Contains(err.Error(), "a fault") {
		t.Errorf("%v", err)
	}
}
