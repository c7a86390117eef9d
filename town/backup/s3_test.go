package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"gastown/e2e/s3server"
	"gastown/town"
)

// s3Server is a server for a test.
func s3Server(t *testing.T) *s3server.Server {
	t.Helper()
	if testing.Short() {
		t.Skip("it may have to build the server")
	}
	s, err := s3server.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// s3Secrets are those of the server.
func s3Secrets(context.Context, []string) (map[string]string, error) {
	return map[string]string{SecretKeyID: s3server.KeyID, SecretKey: s3server.Secret}, nil
}

// openS3 is a store in a bucket, which it makes unless it exists.
func openS3(t *testing.T, server *s3server.Server, bucket, prefix string) *S3 {
	t.Helper()
	if err := server.Bucket(bucket); err != nil && !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
	return at(t, "s3://"+bucket+"/"+prefix+"?endpoint="+server.URL)
}

func at(t *testing.T, address string) *S3 {
	t.Helper()
	d, err := Where{Name: "s3", URL: address}.Open(Means{Secrets: s3Secrets})
	if err != nil {
		t.Fatal(err)
	}
	s, _ := d.Store.(*S3)
	s.Part, s.Pause = 5<<20, 20*time.Millisecond // the smallest part that servers take
	return s
}

// fill writes files of random bytes below dir.
func fill(t *testing.T, dir string, sizes map[string]int64) {
	t.Helper()
	for key, size := range sizes {
		text := make([]byte, size)
		_, _ = rand.NewChaCha8([32]byte{byte(size)}).Read(text)
		path := filepath.Join(dir, key)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, text, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

// same compares a file with the one that was put.
func same(t *testing.T, s Store, from, key string) {
	t.Helper()
	dir := t.TempDir()
	if err := s.Get(t.Context(), []string{key}, dir); err != nil {
		t.Fatal(err)
	}
	_, got, err := sum(filepath.Join(dir, key))
	_, want, werr := sum(filepath.Join(from, key))
	if err := errors.Join(err, werr); err != nil || got != want {
		t.Errorf("%s is another file, %v", key, err)
	}
	if info, err := os.Stat(filepath.Join(dir, key)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%s: %v, %v", key, info, err)
	}
}

// unfinished counts files of which parts were sent.
func unfinished(t *testing.T, s *S3) int {
	t.Helper()
	c, err := s.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &s.Bucket})
	if err != nil {
		t.Fatal(err)
	}
	return len(out.Uploads)
}

// An address of a bucket says where and nothing else. What is refused is not repeated, as it
// may be a secret.
func TestS3Addresses(t *testing.T) {
	for address, want := range map[string]string{
		"s3://bucket/a/b?region=eu-central-1":                     "{bucket a/b/ eu-central-1 }",
		"s3://bucket?region=auto&endpoint=https://r2.example.com": "{bucket  auto https://r2.example.com}",
		"s3://my.bucket/x/?endpoint=https://minio:9000/":          "{my.bucket x/ us-east-1 https://minio:9000}",
		"s3://bucket/x?endpoint=http://127.0.0.1:9000":            "{bucket x/ us-east-1 http://127.0.0.1:9000}",
		"s3://bucket/x?endpoint=http://[::1]:9000":                "{bucket x/ us-east-1 http://[::1]:9000}",
	} {
		p, err := parseS3(address)
		if got := fmt.Sprint(struct{ b, p, r, e string }{p.Bucket, p.Prefix, p.Region, p.Endpoint}); err != nil || got != want {
			t.Errorf("%s: %s, %v", address, got, err)
		}
	}
	const end = "?region=eu-central-1"
	for _, address := range []string{
		"s3://bucket/x", "s3:///x" + end, "s3://Bucket/x" + end, "s3://b/x" + end, "s3://a..b/x" + end, "s3://bucket:80/x" + end,
		"s3://id:hushhush@bucket/x" + end, "s3://hushhush@bucket/x" + end, "s3://id:hush/hush@bucket/x" + end, "s3://bucket/../x" + end,
		"s3://bucket/a//b" + end, "s3://bucket/a%2f..%2fb" + end, "s3://bucket/.x" + end, "s3://bucket/a b" + end, "s3://bucket/x#hushhush",
		"s3://bucket/x" + end + "&secret=hushhush", "s3://bucket/x" + end + "&region=b", "s3://bucket/x?region=", "s3://bucket/x?region=a/b",
		"s3://bucket/x?endpoint=", "s3://bucket/x?endpoint=minio:9000", "s3://bucket/x?endpoint=http://minio:9000", "s3://bucket/x?endpoint=ftp://minio",
		"s3://bucket/x?endpoint=https://id:hushhush@minio", "s3://bucket/x?endpoint=https://minio/path", "s3://bucket/x?endpoint=http://127.0.0.1.example.com",
		"s3://bucket/x?%zz", "s3://bucket/x" + end + ";hushhush=1",
	} {
		err := Where{URL: address}.Check()
		if !errors.Is(err, town.ErrUsage) || town.Next(err) == "" || strings.Contains(err.Error(), "hushhush") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// What keeps a bucket from being used is said with what helps, and with no secret.
func TestS3Failures(t *testing.T) {
	server := s3Server(t)
	from := t.TempDir()
	fill(t, from, map[string]int64{"files/a": 100, "files/big": 6 << 20})
	good := openS3(t, server, "bucket", "x")
	if err := good.Put(t.Context(), from, []string{"files/a"}); err != nil {
		t.Fatal(err)
	}
	with := func(secrets map[string]string) *S3 {
		s := openS3(t, server, "bucket", "x")
		s.Secrets = func(context.Context, []string) (map[string]string, error) { return secrets, nil }
		return s
	}
	broken := openS3(t, server, "bucket", "x")
	broken.Secrets = func(context.Context, []string) (map[string]string, error) { return nil, errors.New("Vault is sealed") }
	for name, c := range map[string]struct {
		s          *S3
		says, next string
	}{
		"a wrong secret": {with(map[string]string{SecretKeyID: s3server.KeyID, SecretKey: "wrong-Planted+secret"}), "SignatureDoesNotMatch", "gt secrets check"},
		"a wrong key":    {with(map[string]string{SecretKeyID: "AKIAWRONGPLANTED", SecretKey: s3server.Secret}), "access key", "gt secrets check"},
		"no secret":      {with(map[string]string{SecretKeyID: s3server.KeyID}), SecretKey, "gt secrets check"},
		"no Vault":       {broken, "Vault is sealed", ""},
		"no bucket":      {at(t, "s3://none/x?endpoint="+server.URL), "NoSuchBucket", "make the bucket"},
		"another region": {at(t, "s3://bucket/x?region=eu-central-1&endpoint="+server.URL), "AuthorizationHeaderMalformed", "region"},
		"no server":      {at(t, "s3://bucket/x?endpoint=http://127.0.0.1:1"), "connection refused", "see that the server runs"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, lerr := c.s.List(t.Context())
			results := map[string]error{"list": lerr}
			if name != "no server" { // each attempt waits
				results = map[string]error{
					"list": lerr, "get": c.s.Get(t.Context(), []string{"files/a"}, t.TempDir()), "put": c.s.Put(t.Context(), from, []string{"files/a"}),
					"put in parts": c.s.Put(t.Context(), from, []string{"files/big"}), "remove": c.s.Remove(t.Context(), []string{"files/a"}),
				}
			}
			for what, err := range results {
				if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(town.Next(err), c.next) || errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%s: %v; next: %s", what, err, town.Next(err))
					continue
				}
				for _, secret := range []string{s3server.Secret, s3server.KeyID, "wrong-Planted", "AKIAWRONGPLANTED"} {
					if strings.Contains(err.Error(), secret) {
						t.Errorf("%s tells a secret: %v", what, err)
					}
				}
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := good.List(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for _, key := range []string{"../x", "/x", "a/../../x", "a//b", "", ".x"} {
		if err := errors.Join(good.Get(t.Context(), []string{key}, t.TempDir())); !errors.Is(err, ErrDamaged) {
			t.Errorf("get %q: %v", key, err)
		}
		if err := good.Remove(t.Context(), []string{key}); !errors.Is(err, ErrDamaged) {
			t.Errorf("remove %q: %v", key, err)
		}
	}
}

// More files than one answer holds are listed, and only those that are files of backups.
func TestS3ListsPages(t *testing.T) {
	server := s3Server(t)
	s := openS3(t, server, "bucket", "town")
	sizes := map[string]int64{}
	for i := range 2500 {
		sizes[fmt.Sprintf("town/files/%04d", i)] = int64(i % 7)
	}
	for _, other := range []string{"town/files/.hidden", "town/a b", "town/é", "town/x\u202ey", "townhouse/files/a", "other"} {
		sizes[other] = 1
	}
	fill(t, filepath.Join(server.Root, "bucket"), sizes)
	all, err := s.List(t.Context())
	if err != nil || len(all) != 2500 {
		t.Fatal(len(all), err)
	}
	for i := range 2500 {
		if got, ok := all[fmt.Sprintf("files/%04d", i)]; !ok || got != int64(i%7) {
			t.Fatalf("%d has %d bytes, %t", i, got, ok)
		}
	}
	whole, err := at(t, "s3://bucket?endpoint="+server.URL).List(t.Context())
	if err != nil || len(whole) != 2502 { // those of a prefix, townhouse/files/a and other
		t.Error(len(whole), err)
	}
}

// A large file is sent in parts, without room in memory for it. When the server goes away,
// what was sent does not count, and what is left of it goes.
func TestS3Parts(t *testing.T) {
	server := s3Server(t)
	s := openS3(t, server, "bucket", "town")
	from := t.TempDir()
	const big = "planes/ledger/big"
	fill(t, from, map[string]int64{big: 33<<20 + 5, "planes/ledger/exact": 10 << 20, "planes/ledger/empty": 0})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := s.Put(t.Context(), from, []string{big}); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 16<<20 {
		t.Errorf("%d bytes were allocated to put 33 MiB", n)
	}
	if err := s.Put(t.Context(), from, []string{"planes/ledger/exact", "planes/ledger/empty"}); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{big, "planes/ledger/exact", "planes/ledger/empty"} {
		same(t, s, from, key)
	}
	if n := unfinished(t, s); n != 0 {
		t.Errorf("%d files are unfinished", n)
	}
	// In the middle of a part the server goes away. What was there before stays.
	older := t.TempDir()
	fill(t, older, map[string]int64{big: 12 << 20})
	server.CutAfter(7<<20, nil)
	err := s.Put(t.Context(), older, []string{big, "planes/ledger/never"})
	if err == nil || !strings.Contains(town.Next(err), "see that the server runs") {
		t.Errorf("%v; next: %s", err, town.Next(err))
	}
	server.Mend()
	same(t, s, from, big)
	all, err := s.List(t.Context())
	if err != nil || len(all) != 3 || all[big] != 33<<20+5 {
		t.Error(all, err)
	}
	if n := unfinished(t, s); n != 1 {
		t.Errorf("%d files are unfinished", n)
	}
	if err := errors.Join(s.Tidy(t.Context(), time.Now().Add(-time.Hour))); err != nil || unfinished(t, s) != 1 {
		t.Errorf("what has just begun was given up, %v", err)
	}
	if err := s.Tidy(t.Context(), time.Now().Add(time.Hour)); err != nil || unfinished(t, s) != 0 {
		t.Errorf("what was left stays, %v", err)
	}
	// One that lost its connection for a moment goes on by itself.
	server.CutAfter(3<<20, server.Mend)
	if err := s.Put(t.Context(), older, []string{big}); err != nil {
		t.Fatal(err)
	}
	same(t, s, older, big)
	// One that was told to end leaves nothing.
	ctx, cancel := context.WithCancel(t.Context())
	server.CutAfter(8<<20, func() { cancel(); server.Mend() })
	if err := s.Put(ctx, from, []string{big}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if n := unfinished(t, s); n != 0 {
		t.Errorf("%d files are unfinished", n)
	}
	same(t, s, older, big)
}

// The test runs its own binary as a process that puts files, and is killed.
const (
	childS3   = "GT_TEST_BACKUP_S3"
	childFrom = "GT_TEST_BACKUP_FROM"
)

var childKeys = []string{"files/first", "planes/ledger/parts", "points/last.json"}

// TestS3Child puts files.
func TestS3Child(t *testing.T) {
	address := os.Getenv(childS3)
	if address == "" {
		t.Skip("it is for a process of its own")
	}
	if err := at(t, address).Put(t.Context(), os.Getenv(childFrom), childKeys); err != nil {
		t.Fatal(err)
	}
}

// A process may be killed anywhere while it puts files: each is there whole or not at all,
// and only if those before it are.
func TestS3Killed(t *testing.T) {
	server := s3Server(t)
	from := t.TempDir()
	sizes := map[string]int64{childKeys[0]: 2 << 20, childKeys[1]: 12 << 20, childKeys[2]: 3 << 20}
	fill(t, from, sizes)
	seen := map[int]int{}
	left := 0
	for i, after := range []int64{100, 1 << 20, 3 << 20, 8 << 20, 13 << 20, 15 << 20} {
		s := openS3(t, server, fmt.Sprintf("bucket-%d", i), "x")
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestS3Child$")
		cmd.Env = append(os.Environ(), childS3+"="+s.String()+"?endpoint="+server.URL, childFrom+"="+from)
		server.CutAfter(after, func() { _ = cmd.Process.Kill() })
		err := cmd.Run()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatal(err)
		}
		server.Mend()
		all, err := s.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for j, key := range childKeys[:len(all)] {
			if all[key] != sizes[key] {
				t.Errorf("after %d bytes, %s, number %d, has %d bytes of %d: %v", after, key, j, all[key], sizes[key], all)
			}
		}
		seen[len(all)]++
		left += unfinished(t, s)
		if err := s.Tidy(t.Context(), time.Now().Add(time.Hour)); err != nil || unfinished(t, s) != 0 {
			t.Errorf("what was left stays, %v", err)
		}
		if err := s.Put(t.Context(), from, childKeys); err != nil {
			t.Error(err)
		}
		same(t, s, from, childKeys[1])
	}
	if seen[0] < 2 || seen[1] < 2 || seen[2] < 1 || left < 2 {
		t.Errorf("files that were there: %v, %d were unfinished", seen, left)
	}
}

// A hostile server gains nothing: its lists end, its files are in their place, its
// redirections are not followed.
func TestHostileS3(t *testing.T) {
	var other int
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { other++ }))
	defer elsewhere.Close()
	var answer http.HandlerFunc
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w, r) }))
	defer server.Close()
	list := func(inside string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, "<ListBucketResult>%s</ListBucketResult>", inside)
		}
	}
	object := func(key, size string) string {
		return "<Contents><Key>" + key + "</Key><Size>" + size + "</Size></Contents>"
	}
	s := at(t, "s3://bucket/x?endpoint="+server.URL)
	answer = list(object("x/../y", "1") + object("y/z", "1") + object("x//z", "1") + object("x/", "1") + object("/x/z", "1") + object("x/z\\..", "1") + object("x/good", "2"))
	if all, err := s.List(t.Context()); err != nil || len(all) != 1 || all["good"] != 2 {
		t.Error(all, err)
	}
	pages := 0
	endless := list("<IsTruncated>true</IsTruncated><NextContinuationToken>again</NextContinuationToken>" + object("x/a", "1"))
	for name, h := range map[string]http.HandlerFunc{
		"a negative size":  list(object("x/a", "-1")),
		"no size":          list("<Contents><Key>x/a</Key></Contents>"),
		"the same page":    func(w http.ResponseWriter, r *http.Request) { pages++; endless(w, r) },
		"no next page":     list("<IsTruncated>true</IsTruncated>"),
		"an endless list":  func(w http.ResponseWriter, _ *http.Request) { flood(w, "<ListBucketResult><Prefix>") },
		"an endless error": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(400); flood(w, "<Error><Code>") },
		"a redirection":    http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect).ServeHTTP,
		"its own words": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(400)
			fmt.Fprintf(w, "<Error><Code>No</Code><Message>\x1b[31m\u202e%s %s %s</Message></Error>", s3server.Secret, r.Header.Get("Authorization"), strings.Repeat("x", 5000))
		},
	} {
		answer = h
		_, err := s.List(t.Context())
		if err == nil || len(err.Error()) > 500 || strings.Contains(err.Error(), s3server.Secret) || strings.Contains(err.Error(), s3server.KeyID) || strings.ContainsAny(err.Error(), "\x1b\u202e") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if pages != 2 || other != 0 {
		t.Errorf("%d pages were asked for, and the other server %d times", pages, other)
	}
	dir := t.TempDir()
	for name, h := range map[string]http.HandlerFunc{
		"shorter than it says": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("short"))
		},
		"of no size":    func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush(); _, _ = w.Write([]byte("x")) },
		"a redirection": http.RedirectHandler(elsewhere.URL, http.StatusMovedPermanently).ServeHTTP,
	} {
		answer = h
		if err := s.Get(t.Context(), []string{"files/a"}, dir); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Lstat(filepath.Join(dir, "files", "a")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: a part of the file is there, %v", name, err)
		}
	}
}

// A server that accepts and says nothing does not hold a run up for long.
func TestSilentS3(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // nobody accepts: the kernel does
	s := at(t, "s3://bucket/x?endpoint=http://"+l.Addr().String())
	s.Idle = 50 * time.Millisecond
	if _, err := s.List(t.Context()); err == nil || !strings.Contains(err.Error(), "timeout") || !strings.Contains(town.Next(err), "see that the server runs") {
		t.Errorf("%v; next: %s", err, town.Next(err))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	s = at(t, s.String()+"?endpoint="+s.Endpoint)
	if _, err := s.List(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// flood sends until nobody reads.
func flood(w http.ResponseWriter, begin string) {
	text := []byte(begin + strings.Repeat("x", 64<<10))
	for range 4096 { // 256 MiB
		if _, err := w.Write(text); err != nil {
			return
		}
		text = []byte(strings.Repeat("x", 64<<10))
	}
}
