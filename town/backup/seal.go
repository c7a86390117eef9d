package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"

	"gastown/town"
)

// sealedExt ends the names of encrypted files.
const sealedExt = ".age"

const (
	// maxKey bounds a file of keys, in bytes.
	maxKey     = 64 << 10
	sealedPart = 64 << 10
	// sealedHeader is less than any header of age takes.
	sealedHeader = 100
)

// sealedSize is the least size of a file of n bytes that is encrypted: 16 bytes more for
// each part of 64 KiB, and a header.
func sealedSize(n int64) int64 {
	parts := max(1, (n+sealedPart-1)/sealedPart)
	return n + 16*parts + sealedHeader
}

// Key is what a Town encrypts its backups with: the identities of a file as age-keygen
// writes it. What is written can be read with each of them.
type Key struct {
	path       string
	identities []age.Identity
	recipients []age.Recipient
	public     []string
}

// marks tell keys apart. A point names those of the keys that it was encrypted for, so that
// nothing is shared with it that a newer key cannot read.
func (k *Key) marks() (all []string) {
	for _, p := range k.public {
		all = append(all, digest([]byte(p))[:16])
	}
	return all
}

// keys are the marks of the keys with which a destination can be read; none if anybody can.
func (d Destination) keys() []string {
	if s, ok := d.Store.(Sealed); ok {
		return s.Key.marks()
	}
	return nil
}

// ReadKey reads a file of keys, which nobody else may read.
func ReadKey(path string) (*Key, error) {
	op := "read the key of the backups"
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, town.Fail(op, "put your copy of the key there; only if no backup needs it, make a new one: gt backup key "+path, "%w", err)
	}
	if err != nil {
		return nil, town.Fail(op, "ls -l "+path, "%w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return nil, town.Fail(op, "chmod 600 "+path, "%w: %s can be read by others, or is not a file", town.ErrRefused, path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKey))
	if err != nil {
		return nil, err
	}
	defer clear(text)
	k := &Key{path: path}
	// The library's errors may have parts of the file in them.
	if k.identities, err = age.ParseIdentities(bytes.NewReader(text)); err != nil || len(k.identities) == 0 {
		return nil, town.Fail(op, "name a file that age-keygen has made: gt config backup.key FILE", "%w: %s holds no key of age", town.ErrUsage, path)
	}
	for _, i := range k.identities {
		switch i := i.(type) {
		case *age.X25519Identity:
			k.recipients, k.public = append(k.recipients, i.Recipient()), append(k.public, i.Recipient().String())
		case *age.HybridIdentity:
			k.recipients, k.public = append(k.recipients, i.Recipient()), append(k.public, i.Recipient().String())
		default:
			return nil, town.Fail(op, "name a file that age-keygen has made: gt config backup.key FILE", "%w: %s holds a key of another kind", town.ErrUsage, path)
		}
	}
	return k, nil
}

// MakeKey writes a new key to a file that does not exist. It returns the public key.
func MakeKey(path string) (public string, err error) {
	i, err := age.GenerateX25519Identity()
	if err != nil {
		return "", err
	}
	// Not durable.WriteNew: the file may be on a stick whose file system cannot do that.
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	switch op := "make a key in " + path; {
	case errors.Is(err, fs.ErrExist):
		return "", town.Fail(op, "name a file that does not exist", "there is such a file or directory")
	case errors.Is(err, fs.ErrNotExist):
		return "", town.Fail(op, "mkdir -p "+filepath.Dir(path), "there is no such directory")
	case err != nil:
		return "", town.Fail(op, "name a file in a directory that you may write to", "%w", err)
	}
	_, err = fmt.Fprintf(f, "# public key: %s\n%s\n", i.Recipient(), i)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(path)) // half a key, which nobody has used
	}
	return i.Recipient().String(), nil
}

// Sealed is a Store whose files are encrypted, names excepted.
type Sealed struct {
	Store
	Key *Key
}

// Encrypts implements Store.
func (s Sealed) Encrypts() bool { return true }

// List implements Store. It leaves out files that are not encrypted.
func (s Sealed) List(ctx context.Context) (map[string]int64, error) {
	all, err := s.Store.List(ctx)
	if err != nil {
		return nil, err
	}
	sealed := map[string]int64{}
	for key, size := range all {
		if name, ok := strings.CutSuffix(key, sealedExt); ok {
			sealed[name] = size
		}
	}
	return sealed, nil
}

// PassedOver counts the points of a destination that nothing lists with the setting
// backup.key as it is: those that are not encrypted, if there is a key, and those that are, if
// there is none. next says how to use them. It lists the destination once more.
func (k *Keeper) PassedOver(ctx context.Context, to Destination) (n int, next string, err error) {
	all, err := plainStore(to.Store).List(ctx)
	for key := range all {
		name, sealed := strings.CutSuffix(key, sealedExt)
		if _, ok := pointOf(name); ok && sealed != to.Encrypts() {
			n++
		}
	}
	next = "name the file with the key that they were written with: gt config backup.key FILE"
	if to.Encrypts() {
		next = "gt config unset backup.key"
	}
	return n, next, err
}

// Put implements Store.
func (s Sealed) Put(ctx context.Context, dir string, keys []string) (err error) {
	tmp, err := os.MkdirTemp(dir, ".sealed-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	for _, key := range keys {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.seal(filepath.Join(dir, filepath.FromSlash(key)), filepath.Join(tmp, filepath.FromSlash(key)+sealedExt)); err != nil {
			return fmt.Errorf("encrypt %s: %w", key, err)
		}
	}
	return s.Store.Put(ctx, tmp, sealedKeys(keys))
}

func (s Sealed) seal(from, to string) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	w, err := age.Encrypt(target, s.Key.recipients...)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, source)
	return errors.Join(err, w.Close())
}

// Get implements Store.
func (s Sealed) Get(ctx context.Context, keys []string, dir string) (err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(dir, ".sealed-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	if err := s.Store.Get(ctx, sealedKeys(keys), tmp); err != nil {
		return err
	}
	for _, key := range keys {
		if err := s.open(filepath.Join(tmp, filepath.FromSlash(key)+sealedExt), filepath.Join(dir, filepath.FromSlash(key))); err != nil {
			return err
		}
	}
	return nil
}

func (s Sealed) open(from, to string) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	r, err := age.Decrypt(source, s.Key.identities...)
	var other *age.NoIdentityMatchError
	if errors.As(err, &other) {
		return town.Fail("read the backup", "add the key that it was written with to "+s.Key.path+
			", below the one that is there; if nobody has it, begin in an empty directory: gt config backup.to /mnt/backups2",
			"%w: it is encrypted with another key than those of %s, and without that nobody can read it", town.ErrRefused, s.Key.path)
	}
	if err != nil {
		return fmt.Errorf("%w: %s is not an encrypted file", ErrDamaged, filepath.Base(from))
	}
	target, err := create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, r)
	var path *fs.PathError
	if err != nil && !errors.As(err, &path) {
		err = fmt.Errorf("%w: %s was cut short or altered", ErrDamaged, filepath.Base(from))
	}
	return errors.Join(err, target.Close())
}

// Remove implements Store.
func (s Sealed) Remove(ctx context.Context, keys []string) error {
	return s.Store.Remove(ctx, sealedKeys(keys))
}

func sealedKeys(keys []string) (sealed []string) {
	for _, key := range keys {
		sealed = append(sealed, key+sealedExt)
	}
	return sealed
}
